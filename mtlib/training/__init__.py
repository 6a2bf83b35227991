"""One training: clips, loop, run store; many of them; features of trained networks."""
