"""Moving a pipeline that stands still to another number of partitions, under a new topic prefix.

Rules and reasons: docs/decisions/0081-partitions.md. What is read and written is in ``borders``; ``run`` puts the
steps together; the rest is pure.
"""
