"""Appointments and tasks of employees, the same in the ERP and in their mailboxes (ES Exchange)."""
