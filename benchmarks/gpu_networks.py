"""Full-size networks with random weights, made where they shall compute, and clocks for them.

Nothing is downloaded or read: how long a forward takes does not depend on what the weights are.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from benchmarks.gpu_models import TEXT_TOKENS, Clip, Model
from diffusers import AutoencoderKLWan, WanTransformer3DModel

from unstill.engines.diffusers.environment import CPU, CUDA

MATRIX_SIDE = {CUDA: 8192, CPU: 256}
PRODUCTS, ROUNDS = 20, 4


def dtype_on(device: str) -> torch.dtype:
    """As the engine has it: a CPU computes in float32."""
    return torch.bfloat16 if device == CUDA else torch.float32


# --- networks -----------------------------------------------------------------------------------


def denoiser_of(model: Model, device: str) -> Any:
    """One expert, its small sensitive parts in float32, as diffusers loads it."""
    with torch.device(device), by_default(dtype_on(device)):
        network = WanTransformer3DModel(**model.denoiser)
    kept = set(network._keep_in_fp32_modules)  # noqa: SLF001  - as its own loader reads it
    for name, weight in network.named_parameters():
        if not kept.isdisjoint(name.split(".")):
            weight.data = weight.data.float()
    return network.eval().requires_grad_(requires_grad=False)


def vae_of(model: Model, device: str) -> Any:
    """In float32, as the engine has it."""
    with torch.device(device):
        network = AutoencoderKLWan(**model.vae)
    return network.eval().requires_grad_(requires_grad=False)


class OneNetwork:
    """As much of a pipeline as the engine looks at where it places and prepares a denoiser."""

    def __init__(self, transformer: Any) -> None:
        self.transformer = transformer

    @property
    def components(self) -> dict[str, Any]:
        return {"transformer": self.transformer}


def arguments_of(model: Model, clip: Clip, device: str) -> dict[str, Any]:
    """What a pipeline gives the denoiser in the middle of a render."""
    frames, height, width = model.latent(clip)
    channels, text_width = model.denoiser["in_channels"], model.denoiser["text_dim"]
    times = (1, model.tokens(clip)) if model.has_time_of_tokens else (1,)
    kind = {"device": device, "dtype": dtype_on(device)}
    return {
        "hidden_states": torch.randn(1, channels, frames, height, width, **kind),
        "timestep": torch.full(times, 900.0, device=device),
        "encoder_hidden_states": torch.randn(1, TEXT_TOKENS, text_width, **kind),
        "return_dict": False,
    }


def latents_of(model: Model, clip: Clip, device: str) -> Any:
    frames, height, width = model.latent(clip)
    return torch.randn(1, model.vae["z_dim"], frames, height, width, device=device)


@contextmanager
def by_default(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def products_in(precision: str) -> Iterator[None]:
    """Of float32: "highest", as torch begins, or "high", TF32, as the engine has them."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


# --- clocks -------------------------------------------------------------------------------------


def timed(device: str, call: Callable[[], object], *, times: int) -> tuple[float, ...]:
    """Seconds of each call, until the device is done."""
    taken = []
    with torch.no_grad():
        for _ in range(times):
            wait_for(device)
            began = time.perf_counter()
            call()
            wait_for(device)
            taken.append(time.perf_counter() - began)
    return tuple(taken)


def free(device: str) -> None:
    """Give back what nothing holds any more; networks and their hooks hold each other."""
    gc.collect()
    if device == CUDA:
        torch.cuda.empty_cache()
        torch._C._host_emptyCache()  # noqa: SLF001  - of pinned memory, which has no other way


def total_bytes(device: str) -> int:
    return int(torch.cuda.mem_get_info(device)[1])


def free_bytes(device: str) -> int:
    return int(torch.cuda.mem_get_info(device)[0])


def wait_for(device: str) -> None:
    if device == CUDA:
        torch.cuda.synchronize()


def matrix_tflops(device: str) -> float:
    """The rate of large products of random matrices, one after another: the best of some rounds."""
    side = MATRIX_SIDE[device]
    left, right = (torch.randn(side, side, device=device, dtype=dtype_on(device)) for _ in range(2))

    def products() -> None:
        for _ in range(PRODUCTS):
            torch.mm(left, right)

    best_s = min(timed(device, products, times=ROUNDS)) / PRODUCTS
    return 2 * side**3 / best_s / 1e12


def described(device: str, versions: Mapping[str, str]) -> str:
    """The device and what runs on it, in words."""
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    if device != CUDA:
        return f"the CPU, {told}"
    card = torch.cuda.get_device_properties(0)
    capability = f"capability {card.major}.{card.minor}"
    return f"{card.name}, {card.total_memory / 2**30:.0f} GiB, {capability}, {told}"
