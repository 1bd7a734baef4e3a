"""The process and its machine: clock, durable writes, folders, ports; nothing of videos."""
