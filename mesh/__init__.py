"""What every service stands on: server, database, identity, settings, metrics. It knows no service."""
