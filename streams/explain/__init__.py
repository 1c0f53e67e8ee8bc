"""Why a customer got a message, or did not: read what was recorded, fold it once more, and say it in words."""
