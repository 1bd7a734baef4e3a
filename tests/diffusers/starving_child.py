"""The diffusers engine's child on a device that gives no more memory at a block of its choice.

STARVES_AT: so many calls of a denoiser's block go well in this process.
SAYS: what is raised then instead, by a library whose fault is another.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from diffusers.models.transformers.transformer_wan import WanTransformerBlock

from unstill.engines.diffusers.child.__main__ import load, render
from unstill.media.child_main import serve

left = int(os.environ["STARVES_AT"])


def starve(module: Any, _: Any) -> None:
    global left  # noqa: PLW0603  - the whole process has one device
    if isinstance(module, WanTransformerBlock):
        left -= 1
        if left < 0:
            if says := os.environ.get("SAYS"):
                raise RuntimeError(says)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


if __name__ == "__main__":
    torch.nn.modules.module.register_module_forward_pre_hook(starve)
    serve({"load": load, "render": render})
