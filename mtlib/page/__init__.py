"""What pages show: charts, players, tables, the report of a network."""
