"""Short messages (SMS)."""
