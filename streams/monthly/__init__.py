"""The report of a month: its figures out of a snapshot, and the page that shows them."""
