"""What renders: a folder for each engine; none knows another, none touches the store."""
