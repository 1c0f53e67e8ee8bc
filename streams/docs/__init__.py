"""Generated parts of ``docs/*.md``: what stands between the markers ``<!-- generated: NAME -->`` and ``<!-- end -->``.

``cuepoint docs write`` fills them in; tests fail when one is stale.
"""
