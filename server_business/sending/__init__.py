"""What everything that is sent has in common: a queue whose rows end in a named state, and never leave twice."""
