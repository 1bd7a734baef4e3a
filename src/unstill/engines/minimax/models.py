"""Which of MiniMax's models stands for which of unstill's; what each takes: minimax_models.py."""

from __future__ import annotations

from collections.abc import Mapping

from unstill.upstreams.minimax_models import MODELS

__all__ = ["CHOICES", "MODELS"]

# The engine's own choice of an upstream model.
CHOICES: Mapping[str, str] = {"minimax-h3": "MiniMax-H3"}
