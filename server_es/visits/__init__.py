"""Planned visits of technicians for servicecalls."""
