"""How far jobs are and when they will end: told of changes, in memory, writes nothing."""
