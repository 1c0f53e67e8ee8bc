"""Resources for the Strimzi operator."""
