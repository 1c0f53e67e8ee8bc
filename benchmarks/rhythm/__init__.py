"""How well "late by own rhythm" tells who does not come back: ``python -m benchmarks.rhythm`` (``make rhythm``)."""
