"""Weeks of a company that does not exist, in server_es that does: driven from a seed, judged by laws.

`python -m tests.simulation --seed 7 --weeks 3 --employees 500 --calls 20000` runs a large one.
"""
