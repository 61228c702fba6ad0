"""The fleet: which processes run, on which settings, and how they are."""
