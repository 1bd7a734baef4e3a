"""The only reader of unstill.toml and of `UNSTILL_*`."""
