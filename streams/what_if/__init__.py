"""What another set of campaigns changes: two sets decide over the same events, and the difference is counted.

``decided`` and ``facts`` are what is compared, ``compare`` compares it (pure), and ``report``, ``tables`` and ``page``
show it. ``history`` runs two backtests; the ``shadow`` modules run a set beside the live one.
"""
