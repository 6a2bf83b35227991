"""What pages show: charts, drawings, players, tables."""
