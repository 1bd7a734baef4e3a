"""LTX-Video, the folders of versions 0.9 and 0.9.1: a small model with a VAE of 32 x 32 x 8."""

from __future__ import annotations

from unstill.engines.diffusers.profile import FrameCounts, Profile

PROFILE = Profile(
    name="ltx-video",
    title="LTX-Video",
    source="diffusers 0.42.1, LTXImageToVideoPipeline (50 steps, guidance 3, frame_rate 25); "
    "huggingface.co/Lightricks/LTX-Video (at most 257 frames)",
    pipeline="LTXImageToVideoPipeline",
    also_saved_as=("LTXPipeline",),  # scripts/convert_ltx_to_diffusers.py, so the published folder
    components={
        "transformer": "LTXVideoTransformer3DModel",
        "vae": "AutoencoderKLLTXVideo",
        "text_encoder": "T5EncoderModel",
        "tokenizer": "",
        "scheduler": "",
    },
    frames=FrameCounts(step=8),
    size_multiple=32,
    fps=25,
    longest_frames=257,
    last_frame="none",
    frame_rate_argument="frame_rate",
    denoisers=("transformer",),
    guidance=("guidance_scale",),
    guidance_default=(3.0,),
    steps=50,
    # diffusers 0.42.1, stretch_shift_to_terminal: of a single step it divides nothing by nothing.
    least_steps=2,
    forwards_per_step=1,  # both passes are one batch
    vae_channels=8,  # 128 at a quarter of both sides, before its patches of 4 x 4
    vae_frames=0,
    licence="LTXV Open Weights License",
    licence_note="a company of 10 million dollars of revenue a year and more needs Lightricks' "
    "own; its list of forbidden uses goes on to whoever gets the weights; read the licence that "
    "lies with them, versions differ",
)
