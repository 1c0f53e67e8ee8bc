"""Lists with a capacity: who gets the places at a cut-off."""
