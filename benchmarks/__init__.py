"""Cuepoint measured beside its alternatives, in one run on one broker: ``python -m benchmarks`` (``make bench``)."""
