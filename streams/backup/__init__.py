"""Backup and restore: the state of the stages and the sink's file, and the rehearsal of a disaster.

Why it is built so: docs/decisions/0080-backup.md.
"""
