"""The contracts of Cuepoint: what crosses a border (events, decisions, campaigns, topics)."""
