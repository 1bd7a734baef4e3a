"""Wan 2.2 text and image to video, one model of 5 B with a VAE of higher compression."""

from __future__ import annotations

from unstill.engines.diffusers.profile import FrameCounts, Profile

PROFILE = Profile(
    name="wan2.2-5b",
    title="Wan 2.2 TI2V 5B",
    source="diffusers 0.42.1, WanImageToVideoPipeline; github.com/Wan-Video/Wan2.2, "
    "wan/configs/wan_ti2v_5B.py (50 steps, guidance 5, shift 5, 24 fps, 121 frames)",
    pipeline="WanImageToVideoPipeline",
    also_saved_as=("WanPipeline",),  # scripts/convert_wan_to_diffusers.py, so the published folder
    index={"expand_timesteps": True, "boundary_ratio": None, "transformer_2": None},
    components={
        "transformer": "WanTransformer3DModel",
        "vae": "AutoencoderKLWan",
        "text_encoder": "UMT5EncoderModel",
        "tokenizer": "",  # T5TokenizerFast, or what transformers 5 saves it as
        "scheduler": "",
    },
    frames=FrameCounts(step=4),
    size_multiple=32,  # 16 for the VAE, 2 for a patch; a multiple of 16 is made smaller in silence
    fps=24,
    longest_frames=193,  # 8 s; trained for 5 s, 121 frames
    last_frame="none",  # the argument is taken and ignored
    denoisers=("transformer",),
    guidance=("guidance_scale",),
    guidance_default=(5.0,),
    steps=50,
    shift=5.0,
    few_steps=True,
    forwards_per_step=2,
    vae_channels=64,  # decoder_base_dim 256 at half of both sides, before its patches of 2 x 2
    licence="Apache-2.0",
)
