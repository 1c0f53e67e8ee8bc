"""The oracle: every decision computed a second time, naively, from the rule book (``docs/semantics.md``) alone.

It imports nothing of ``streams``; the core and the oracle agree only if both follow the page. It is meant to be read
beside it, file by file: ``history`` (time and order, de-duplication), ``identity`` (who), ``purchases``, ``carts`` and
``profiles`` (facts), ``calendars`` (zones, quiet hours), ``occasions``, ``conditions``, ``gates``, ``corrections``, and
``walk``, which goes from moment to moment. Speed is no aim: facts are recomputed from the list of a customer's events.
"""

from tests.oracle.walk import Record, oracle_decisions, oracle_details

__all__ = ["Record", "oracle_decisions", "oracle_details"]
