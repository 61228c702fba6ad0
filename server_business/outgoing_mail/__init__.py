"""Sending of e-mails (E-Mail-Versand, Postausgangsserver)."""
