"""Which of Ark's models stands for which of unstill's; what each takes: upstreams/ark_models.py."""

from __future__ import annotations

from collections.abc import Mapping

from unstill.upstreams.ark_models import MODELS

__all__ = ["CHOICES", "ENDPOINT", "MODELS"]

ENDPOINT = "ep-"  # an operator's own endpoint, which says nothing of the model behind it

# The engine's own choice of an upstream model. Sora has no successor anywhere; Seedance 2.0 has its
# lengths, tiers and sound. 2.5 has them too, but not every account has its 1080P.
CHOICES: Mapping[str, str] = {
    "doubao-seedance-2.0": "doubao-seedance-2-0-260128",
    "doubao-seedance-2.5": "doubao-seedance-2-5-260628",
    "openai/sora-2/image-to-video-pro": "doubao-seedance-2-0-260128",
}
