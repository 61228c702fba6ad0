"""The one way in which somebody is told (Benachrichtigungen)."""
