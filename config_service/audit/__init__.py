"""The audit log of the site: who changed what, who was refused, when, from where."""
