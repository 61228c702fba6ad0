"""On-call duty (Bereitschaften): who is on duty when, for which systems, and whether that can go well."""
