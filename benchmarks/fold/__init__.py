"""The fold: one small stateful job, run by Cuepoint's runtime and by what a user might pick instead.

``job`` says what is computed. ``ours``, ``stock_faust``, ``bare_loop``, ``quix`` and ``java/`` are the engines, each a
process of its own that prints when it began and ended (``progress``). ``probe`` is the process beside them that writes
the input, checks what an engine wrote, and measures latency. ``rounds`` and ``latency`` make rows of it all.
"""
