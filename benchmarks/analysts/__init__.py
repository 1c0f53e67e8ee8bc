"""What analysts wait for: the sink's writer, publications and marts, by the number of decisions."""
