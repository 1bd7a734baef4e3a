"""unstill: a self-hosted image-to-video server that loses no job and pays for none twice."""

from importlib.metadata import version

__version__ = version("unstill")
