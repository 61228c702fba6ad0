"""Starting the product: a demo site on one machine, and the walk through it."""
