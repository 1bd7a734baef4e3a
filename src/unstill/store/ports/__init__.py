"""What every job store has, a port for each noun; each part of the product is given its own few."""
