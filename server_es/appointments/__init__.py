"""Appointments in the employees' calendars (Termine): written by what they come from, read by everybody who plans."""
