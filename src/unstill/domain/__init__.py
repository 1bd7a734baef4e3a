"""Values and rules that everything speaks of; no file, no network, no clock, no wire."""
