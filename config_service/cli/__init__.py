"""The command line of the administrators: `esconfig`."""
