"""Absence requests: who is away when, how much leave is left, and who has to agree (Abwesenheits-/Urlaubsantrag)."""
