"""What people who run the platform look at: ``cuepoint top`` and ``cuepoint doctor``."""
