"""The models that benchmarks/gpu.py measures, as data, and the work of their forwards. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

TEXT_TOKENS = 512  # that Wan's pipelines pad each prompt to
PETA = 1e15


class Clip(NamedTuple):
    """A video, in pixels and frames."""

    name: str
    width: int
    height: int
    frames: int


class Model(NamedTuple):
    """One kind of weights; `denoiser` and `vae` are what config.json of each has."""

    name: str
    profile: str  # of the engine
    denoiser: dict[str, Any]
    vae: dict[str, Any]
    vae_scale: int  # pixels of a side for one of a latent's
    clips: tuple[Clip, ...]  # the smaller first
    has_time_of_tokens: bool  # a time for each token, instead of one for all
    experts: int  # of this size, that a render needs
    steps: int

    @property
    def width(self) -> int:
        return int(self.denoiser["num_attention_heads"] * self.denoiser["attention_head_dim"])

    @property
    def weights_bytes(self) -> int:
        """Of the denoiser's large matrices, in 16 bits."""
        d = self.width
        of_block: int = 8 * d * d + 2 * d * self.denoiser["ffn_dim"]
        layers: int = self.denoiser["num_layers"]
        return 2 * layers * of_block

    def tokens(self, clip: Clip) -> int:
        frames, height, width = self.latent(clip)
        patch: tuple[int, int, int] = self.denoiser["patch_size"]
        return frames * (height // patch[1]) * (width // patch[2])

    def latent(self, clip: Clip) -> tuple[int, int, int]:
        """Frames, height and width of a latent; four frames are one, after the first."""
        side = self.vae_scale
        return (clip.frames - 1) // 4 + 1, clip.height // side, clip.width // side

    def pflop(self, clip: Clip) -> float:
        """The work of one forward: multiplications and additions of its matrices, in 1e15."""
        config, n, d = self.denoiser, self.tokens(clip), self.width
        own = 8 * n * d * d + 4 * n * n * d
        of_text = 4 * n * d * d + 4 * TEXT_TOKENS * d * d + 4 * n * TEXT_TOKENS * d
        feed_forward = 4 * n * d * config["ffn_dim"]
        return float(config["num_layers"] * (own + of_text + feed_forward)) / PETA


_WAN: dict[str, Any] = {
    "patch_size": (1, 2, 2),
    "attention_head_dim": 128,
    "text_dim": 4096,
    "freq_dim": 256,
    "cross_attn_norm": True,
    "qk_norm": "rms_norm_across_heads",
    "eps": 1e-6,
    "rope_max_seq_len": 1024,
}
_WAN_VAE: dict[str, Any] = {
    "dim_mult": [1, 2, 4, 4],
    "num_res_blocks": 2,
    "attn_scales": [],
    "temperal_downsample": [False, True, True],
}
# transformer/config.json and vae/config.json of Wan-AI/Wan2.2-I2V-A14B-Diffusers.
A14B = Model(
    name="A14B",
    profile="wan2.2-a14b",
    denoiser=_WAN
    | {
        "num_attention_heads": 40,
        "num_layers": 40,
        "ffn_dim": 13824,
        "in_channels": 36,
        "out_channels": 16,
    },
    vae=_WAN_VAE | {"base_dim": 96, "z_dim": 16},
    vae_scale=8,
    clips=(Clip("480P", 832, 480, 81), Clip("720P", 1280, 720, 81)),
    has_time_of_tokens=False,
    experts=2,
    steps=40,
)
# The same of Wan-AI/Wan2.2-TI2V-5B-Diffusers; its means and deviations change no time.
TI2V_5B = Model(
    name="5B",
    profile="wan2.2-5b",
    denoiser=_WAN
    | {
        "num_attention_heads": 24,
        "num_layers": 30,
        "ffn_dim": 14336,
        "in_channels": 48,
        "out_channels": 48,
    },
    vae=_WAN_VAE
    | {
        "base_dim": 160,
        "decoder_base_dim": 256,
        "z_dim": 48,
        "is_residual": True,
        "in_channels": 12,
        "out_channels": 12,
        "patch_size": 2,
        "scale_factor_spatial": 16,
        "latents_mean": [0.0] * 48,
        "latents_std": [1.0] * 48,
    },
    vae_scale=16,
    clips=(Clip("480P", 832, 480, 121), Clip("720P", 1280, 704, 121)),
    has_time_of_tokens=True,
    experts=1,
    steps=50,
)


def tiny(model: Model) -> Model:
    """The same in a size that a CPU computes in no time: nothing to measure, all to try."""
    small = {
        "num_attention_heads": 2,
        "attention_head_dim": 12,
        "num_layers": 2,
        "ffn_dim": 32,
        "text_dim": 32,
    }
    narrow = {"base_dim": 3, "decoder_base_dim": 3, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}
    return model._replace(
        name=f"tiny {model.name}",
        denoiser=model.denoiser | small,
        vae=model.vae | narrow,
        clips=(Clip("480P", 64, 32, 5), Clip("720P", 96, 64, 5)),
    )
