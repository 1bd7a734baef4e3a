"""One card for each model; a card knows no other."""
