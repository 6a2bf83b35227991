"""Networks: layers, structures, costs, and weights read from files."""
