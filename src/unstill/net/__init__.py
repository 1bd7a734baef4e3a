"""Calls to addresses that somebody else chose; touches the network."""
