"""Forwarding of servicecalls (Weiterleitung)."""
