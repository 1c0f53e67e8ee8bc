"""Property tests: the decision core equals the oracle on generated histories, however they arrive."""
