"""Documents and their versions (DMS)."""
