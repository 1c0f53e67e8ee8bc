"""Time-travel tests: YAML says what happens when, and what has to be decided. Guide: docs/time-travel.md."""
