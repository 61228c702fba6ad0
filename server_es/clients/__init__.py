"""Which es:office clients are connected, telling and closing them, updates (Clientadministration)."""
