"""Ports that nothing else takes before a test does."""

from __future__ import annotations

from benchmarks.free_ports import free_port

__all__ = ["free_port"]
