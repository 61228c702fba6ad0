"""Puts the larger rooms together, for `server_business.app`."""
