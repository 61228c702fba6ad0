"""Sign-ins of persons for mail servers: begun by a device flow, kept sealed, renewed by themselves (Anmeldung)."""
