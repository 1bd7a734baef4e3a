"""Wan 2.2 image to video, two experts of 14 B: the first for high noise, the second for low."""

from __future__ import annotations

from unstill.engines.diffusers.profile import FrameCounts, Profile

PROFILE = Profile(
    name="wan2.2-a14b",
    title="Wan 2.2 I2V A14B",
    source="diffusers 0.42.1, WanImageToVideoPipeline; github.com/Wan-Video/Wan2.2, "
    "wan/configs/wan_i2v_A14B.py (40 steps, guidance 3.5 and 3.5, shift 5, boundary 0.9)",
    pipeline="WanImageToVideoPipeline",
    index={"boundary_ratio": float},  # which Wan 2.1, of the same class, does not have
    components={
        "transformer": "WanTransformer3DModel",
        "transformer_2": "WanTransformer3DModel",
        "vae": "AutoencoderKLWan",
        "text_encoder": "UMT5EncoderModel",
        "tokenizer": "",  # T5TokenizerFast, or what transformers 5 saves it as
        "scheduler": "",
    },
    frames=FrameCounts(step=4),
    size_multiple=16,  # 8 for the VAE, 2 for a patch
    fps=16,
    longest_frames=129,  # 8 s; trained for 5 s, 81 frames
    last_frame="argument",
    denoisers=("transformer", "transformer_2"),
    guidance=("guidance_scale", "guidance_scale_2"),
    guidance_default=(3.5, 3.5),
    steps=40,
    # Published folders have flow_shift 3 in their scheduler, Wan's own settings 5.
    shift=5.0,
    few_steps=True,
    forwards_per_step=2,
    vae_channels=96,  # base_dim of its decoder
    licence="Apache-2.0",
)
