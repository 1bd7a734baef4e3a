"""DashScope as an engine: its calls, its task list, what each of its models takes."""
