"""unstill: a self-hosted image-to-video server that loses no job and pays for none twice."""

__version__ = "0.1.0"

HOME = "https://github.com/unstill/unstill"  # as pyproject.toml has it, [project.urls]
# Hosts such as Wikimedia's refuse whoever names no way to be reached.
USER_AGENT = f"unstill/{__version__} (+{HOME})"
