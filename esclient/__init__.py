"""A client of the mesh, and an example for who writes one.

`session`, `sign_in`, `door`, `calls`, `inbox` and `bookmark` are what a client needs and know no terminal; `cli` is the
command line `esclient` around them.
"""
