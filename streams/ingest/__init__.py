"""Sources people really have: their webhooks and files, mapped to the input contracts of ``schemas``.

One vendor a file, pure: ``map(delivery, memory) -> Result``. ``receiver`` takes webhooks over HTTP and ``file`` reads
files; both hand what was mapped to an outlet (Kafka, or files that a replay reads).
"""
