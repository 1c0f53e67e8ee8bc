"""``cuepoint contract-test``: plays what a channel has to bear against a running service, and reads its answers.

The service is a black box: only its answers on ``channel-feedback`` are judged, and, with ``--sent``, a file to which
it appends the decision id of each message as it leaves.
"""
