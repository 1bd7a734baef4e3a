"""Tiny folders of random weights, in diffusers' layout, one for each kind of pipeline.

What they make is noise, by the same classes, calls and files as the real ones: `model_index.json`
has the values of the published folder, compression, patches and numbers of channels are the real
ones where they decide about sizes and frames. Only width and depth are small.

    python -m support.tiny_weights wan-a14b FOLDER      makes one to try things with
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import diffusers
import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers.pre_tokenizers import ByteLevel

Kind = Literal["wan-a14b", "wan-5b", "ltx", "hunyuan15"]
LoraSpelling = Literal["diffusers", "original"]

WIDTH = 32  # of all text
SHIFT = 5.0  # of Wan's schedule: what the repository of 2.2 samples with
PIECES = ("▁", *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;:!?'-()", "▁the")
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tiny_folder(kind: Kind, root: Path, *, seed: int = 0) -> Path:
    """A folder of this kind under `root`; the one that is there, if it is."""
    folder = root / (f"{kind}-{seed}" if seed else kind)
    if not folder.exists():
        write_folder(kind, folder, seed=seed)
    return folder


def write_folder(kind: Kind, folder: Path, *, seed: int = 0, largest_file: str = "1GB") -> None:
    """Appears whole or not at all, also where several processes make it at once.

    largest_file: such as "60KB"; weights of more are split into shards.
    """
    making = folder.with_name(f".{folder.name}.{os.getpid()}")
    pipeline = BUILDERS[kind](seed)
    pipeline.save_pretrained(making, max_shard_size=largest_file)
    _say_as_published(making, kind)
    try:
        making.rename(folder)
    except OSError:  # somebody else's is there
        shutil.rmtree(making)


def tiny_lora(
    folder: Path,
    component: str,
    path: Path,
    *,
    seed: int = 1,
    spelling: LoraSpelling = "diffusers",
) -> Path:
    """Write a LoRA of rank 4 for the attention of one of the folder's Wan transformers.

    spelling: of the tensors' names; "original" is what LightX2V and the repository of Wan have.
    """
    torch.manual_seed(seed)
    weights = load_file(folder / component / "diffusion_pytorch_model.safetensors")
    tensors = {}
    for name, weight in sorted(weights.items()):
        if ".attn" in name and name.endswith(("to_q.weight", "to_v.weight", "to_out.0.weight")):
            rows, columns = weight.shape
            down, up = _lora_names(name.removesuffix(".weight"), spelling)
            tensors[down], tensors[up] = torch.randn(4, columns) / 2, torch.randn(rows, 4) / 2
    save_file(tensors, path)
    return path


def _lora_names(layer: str, spelling: LoraSpelling) -> tuple[str, str]:
    if spelling == "diffusers":
        return f"transformer.{layer}.lora_A.weight", f"transformer.{layer}.lora_B.weight"
    parts = {
        ".attn1.": ".self_attn.",
        ".attn2.": ".cross_attn.",
        ".to_q": ".q",
        ".to_k": ".k",
        ".to_v": ".v",
        ".to_out.0": ".o",
    }
    for ours, theirs in parts.items():
        layer = layer.replace(ours, theirs)
    stem = f"diffusion_model.{layer}"
    return f"{stem}.lora_down.weight", f"{stem}.lora_up.weight"


# --- the pipelines -------------------------------------------------------------------------------

_WAN_VAE: Mapping[str, Any] = {
    "dim_mult": [1, 1, 1, 1],
    "num_res_blocks": 1,
    "temperal_downsample": [False, True, True],
}
_T5: Mapping[str, Any] = {"d_model": WIDTH, "d_kv": 8, "d_ff": 64, "num_heads": 4}


def _wan_a14b(seed: int) -> Any:
    vae = _seeded(seed, diffusers.AutoencoderKLWan, base_dim=2, z_dim=16, **_WAN_VAE)
    return diffusers.WanImageToVideoPipeline(
        transformer=_wan_transformer(seed, channels_in=36, channels_out=16),
        transformer_2=_wan_transformer(seed + 1, channels_in=36, channels_out=16),
        vae=_louder(vae, "decoder.conv_out", by=3.0),
        boundary_ratio=0.9,
        **_wan_shared(seed),
    )


def _wan_5b(seed: int) -> Any:
    vae = _seeded(
        seed,
        diffusers.AutoencoderKLWan,
        base_dim=3,
        z_dim=48,
        is_residual=True,
        in_channels=12,
        out_channels=12,
        patch_size=2,
        scale_factor_spatial=16,
        scale_factor_temporal=4,
        latents_mean=[0.0] * 48,
        latents_std=[1.0] * 48,
        **_WAN_VAE,
    )
    return diffusers.WanImageToVideoPipeline(
        transformer=_wan_transformer(seed, channels_in=48, channels_out=48),
        vae=vae,
        expand_timesteps=True,
        **_wan_shared(seed),
    )


def _wan_transformer(seed: int, *, channels_in: int, channels_out: int) -> Any:
    transformer = _seeded(
        seed,
        diffusers.WanTransformer3DModel,
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=channels_in,
        out_channels=channels_out,
        text_dim=WIDTH,
        freq_dim=256,
        ffn_dim=32,
        num_layers=2,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=256,
    )
    return _louder(transformer, "attn2.to_out.0", by=24.0)


def _wan_shared(seed: int) -> dict[str, Any]:
    config = transformers.UMT5Config(vocab_size=96, num_layers=2, **_T5)
    return {
        "text_encoder": _seeded(seed, transformers.UMT5EncoderModel, config),
        "tokenizer": _t5_tokenizer(),
        "scheduler": diffusers.UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=SHIFT
        ),
    }


def _ltx(seed: int) -> Any:
    transformer = _seeded(
        seed,
        diffusers.LTXVideoTransformer3DModel,
        in_channels=16,
        out_channels=16,
        num_attention_heads=2,
        attention_head_dim=16,
        cross_attention_dim=32,
        num_layers=2,
        caption_channels=WIDTH,
    )
    vae = _seeded(
        seed,
        diffusers.AutoencoderKLLTXVideo,
        latent_channels=16,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1),
    )
    config = transformers.T5Config(vocab_size=96, num_layers=2, **_T5)
    return diffusers.LTXImageToVideoPipeline(
        transformer=transformer,
        vae=vae,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(
            use_dynamic_shifting=True, base_shift=0.95, max_shift=2.05, shift_terminal=0.1
        ),
        text_encoder=_seeded(seed, transformers.T5EncoderModel, config),
        tokenizer=_t5_tokenizer(),
    )


def _hunyuan15(seed: int) -> Any:
    transformer = _seeded(
        seed,
        diffusers.HunyuanVideo15Transformer3DModel,
        in_channels=2 * 4 + 1,  # the noise, the picture, and which frames are the picture's
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=2,
        num_refiner_layers=1,
        mlp_ratio=2.0,
        text_embed_dim=WIDTH,
        text_embed_2_dim=WIDTH,
        image_embed_dim=12,
        rope_axes_dim=(2, 2, 4),
        target_size=64,
        task_type="i2v",
    )
    vae = _seeded(
        seed,
        diffusers.AutoencoderKLHunyuanVideo15,
        latent_channels=4,
        block_out_channels=(8, 8, 8, 8, 8),
        layers_per_block=1,
    )
    return diffusers.HunyuanVideo15ImageToVideoPipeline(
        transformer=_louder(transformer, "attn.add_v_proj", by=64.0),
        vae=vae,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=7.0),
        guider=diffusers.ClassifierFreeGuidance(guidance_scale=6.0),
        **_hunyuan15_text(seed),
        **_hunyuan15_sight(seed),
    )


def _hunyuan15_text(seed: int) -> dict[str, Any]:
    tokenizer = _qwen_tokenizer()
    large = transformers.Qwen2_5_VLTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=32,
        num_hidden_layers=3,  # the pipeline takes what the third from the end gives
        num_attention_heads=2,
        num_key_value_heads=2,
        rope_parameters={"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e6},
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    small = transformers.T5Config(vocab_size=384, num_layers=1, **_T5)
    return {
        "text_encoder": _seeded(seed, transformers.Qwen2_5_VLTextModel, large),
        "tokenizer": tokenizer,
        "text_encoder_2": _seeded(seed, transformers.T5EncoderModel, small),
        "tokenizer_2": transformers.ByT5Tokenizer(),
    }


def _hunyuan15_sight(seed: int) -> dict[str, Any]:
    config = transformers.SiglipVisionConfig(
        hidden_size=12,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
    )
    return {
        "image_encoder": _seeded(seed, transformers.SiglipVisionModel, config),
        "feature_extractor": transformers.SiglipImageProcessor(size={"height": 28, "width": 28}),
    }


BUILDERS: Mapping[Kind, Callable[[int], Any]] = {
    "wan-a14b": _wan_a14b,
    "wan-5b": _wan_5b,
    "ltx": _ltx,
    "hunyuan15": _hunyuan15,
}


# --- their parts ---------------------------------------------------------------------------------


def _seeded(seed: int, make: Any, *args: Any, **fields: Any) -> Any:
    """A module whose weights depend on the seed alone, not on what was made before it."""
    torch.manual_seed(seed)
    return make(*args, **fields).eval()


def _louder(module: Any, part: str, *, by: float) -> Any:
    """Its weights of that name larger: what a prompt changes has to show in eight bits."""
    found = [weight for name, weight in module.named_parameters() if f"{part}.weight" in name]
    assert found, part
    with torch.no_grad():
        for weight in found:
            weight.mul_(by)
    return module


def _t5_tokenizer() -> Any:
    specials = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocabulary = [*specials, *((piece, -1.0) for piece in PIECES)]
    return transformers.T5Tokenizer(vocab=vocabulary, extra_ids=0)


def _qwen_tokenizer() -> Any:
    """Bytes, and the words that frame a message."""
    letters = sorted(ByteLevel.alphabet())
    tokenizer = transformers.Qwen2Tokenizer(
        vocab={letter: number for number, letter in enumerate(letters)}, merges=[]
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


# What the published folders say of themselves, where diffusers here writes something else: the
# class of TI2V-5B and of LTX is that without a picture, and newer tokenizers have other names.
AS_PUBLISHED: Mapping[Kind, Mapping[str, object]] = {
    "wan-a14b": {"tokenizer": ["transformers", "T5TokenizerFast"]},
    "wan-5b": {"_class_name": "WanPipeline", "tokenizer": ["transformers", "T5TokenizerFast"]},
    "ltx": {"_class_name": "LTXPipeline", "tokenizer": ["transformers", "T5Tokenizer"]},
    "hunyuan15": {
        "feature_extractor": ["transformers", "SiglipImageProcessor"],
        "tokenizer": ["transformers", "Qwen2Tokenizer"],
        "tokenizer_2": ["transformers", "ByT5Tokenizer"],
    },
}
NOT_PUBLISHED: Mapping[Kind, tuple[str, ...]] = {"wan-5b": ("image_encoder", "image_processor")}


def _say_as_published(folder: Path, kind: Kind) -> None:
    file = folder / "model_index.json"
    index = json.loads(file.read_text())
    index |= AS_PUBLISHED[kind]
    kept = {key: value for key, value in index.items() if key not in NOT_PUBLISHED.get(kind, ())}
    file.write_text(json.dumps(kept, indent=2))


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in get_args(Kind):
        kinds = "|".join(get_args(Kind))
        raise SystemExit(f"usage: python -m support.tiny_weights {kinds} FOLDER")
    write_folder(sys.argv[1], Path(sys.argv[2]))  # type: ignore[arg-type]
