"""One documented API each; none knows another."""
