"""HunyuanVideo 1.5, image to video: the picture's shape decides the size, a guider the guidance."""

from __future__ import annotations

from unstill.engines.diffusers.profile import FrameCounts, Profile

PROFILE = Profile(
    name="hunyuan-video-1.5",
    title="HunyuanVideo 1.5 I2V",
    source="diffusers 0.42.1, HunyuanVideo15ImageToVideoPipeline (121 frames, 50 steps); "
    "github.com/Tencent-Hunyuan/HunyuanVideo-1.5 (24 fps, up to 10 s)",
    pipeline="HunyuanVideo15ImageToVideoPipeline",
    components={
        "transformer": "HunyuanVideo15Transformer3DModel",
        "vae": "AutoencoderKLHunyuanVideo15",
        "text_encoder": "Qwen2_5_VLTextModel",
        "text_encoder_2": "T5EncoderModel",
        "image_encoder": "SiglipVisionModel",
        "tokenizer": "",
        "tokenizer_2": "",
        "feature_extractor": "",
        "guider": "",
        "scheduler": "",
    },
    frames=FrameCounts(step=4),
    size_multiple=16,
    size_from_image=True,  # and from the transformer's target_size
    fps=24,
    longest_frames=241,
    last_frame="none",
    denoisers=("transformer",),
    guidance=("guider",),
    guidance_default=(),  # distilled folders have another than the plain ones
    steps=50,
    forwards_per_step=2,
    vae_channels=128,
    vae_frames=0,
    vae_tile=256,  # whole, 121 frames of 480P would need 25 GB for each feature map
    licence="Tencent Hunyuan Community License",
    licence_note="not for the European Union, the United Kingdom and South Korea; more than 100 "
    "million users a month need Tencent's leave; its output may not improve other models",
)
