"""What somebody has to come back to, and when (Wiedervorlagen)."""
