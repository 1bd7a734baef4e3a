"""A folder of weights is read without torch: what is whole is known, what is wrong is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.damaged_weights import (
    A14B,
    BY_NAME,
    FIRST,
    LFS,
    SECOND,
    SHARD,
    SMALL,
    STEM,
    VAE_FILE,
    Damage,
    config,
    cut,
    index,
    index_without,
    lie,
    link_to_nothing,
    pipe_instead,
    remove,
    remove_part,
    replace_by_pickle,
    shards,
    vae,
)
from support.weight_folders import write_folder, write_head, write_json, write_shards, write_tensors
from unstill.engines.diffusers.folder import BadFolder, read_folder
from unstill.engines.diffusers.profile import Profile
from unstill.engines.diffusers.profiles import PROFILES


def refusal(root: Path) -> BadFolder:
    with pytest.raises(BadFolder) as caught:
        read_folder(root)
    return caught.value


@pytest.mark.parametrize("profile", PROFILES, ids=BY_NAME)
def test_a_whole_folder_is_known_by_what_is_in_it(tmp_path: Path, profile: Profile) -> None:
    root = write_folder(tmp_path, profile)

    folder = read_folder(root)

    assert folder.profile is profile
    assert set(folder.components) == set(profile.components)
    assert (folder.path, folder.hidden, folder.blocks) == (str(root), 24, 3)


@pytest.mark.parametrize("profile", PROFILES, ids=BY_NAME)
def test_a_folder_that_its_publisher_saved_as_another_class_is_known_too(
    tmp_path: Path, profile: Profile
) -> None:
    for pipeline in profile.also_saved_as:
        assert read_folder(write_folder(tmp_path / pipeline, profile, pipeline)).profile is profile


def test_weights_count_as_they_are_loaded(tmp_path: Path) -> None:
    folder = read_folder(write_folder(tmp_path, A14B))

    # Denoisers are stored in 16 bits, the rest in 32: all but the VAE is loaded in 16.
    assert folder.bytes_of == {
        "transformer": 20,
        "transformer_2": 20,
        "vae": 40,
        "text_encoder": 40,
    }
    stored = {name: each.stored_bytes for name, each in folder.components.items() if each.files}
    assert stored == {"transformer": 20, "transformer_2": 20, "vae": 40, "text_encoder": 80}
    assert folder.components["transformer"].parameters == 10
    assert folder.components["transformer"].files == (
        f"transformer/{FIRST}",
        f"transformer/{SECOND}",
    )
    assert folder.encoders == ("text_encoder",)


def test_links_are_followed_as_in_a_hubs_cache(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "snapshots" / "main", SMALL)
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    for number, path in enumerate(sorted(path for path in root.rglob("*") if path.is_file())):
        path.rename(blobs / str(number))
        path.symlink_to(os.path.relpath(blobs / str(number), path.parent))
    link = tmp_path / "weights"
    link.symlink_to(root)

    assert read_folder(link).profile is SMALL


BAD: dict[str, tuple[Damage, str, str]] = {
    # files
    "a shard that is missing": (remove(SHARD), SHARD, "is missing"),
    "a shard that is cut short": (cut(SHARD, 1), SHARD, "is cut short: 1 bytes of 8 are missing"),
    "a file cut in its head": (cut(VAE_FILE, 60), VAE_FILE, "do not even hold its head"),
    "a file cut in its head's length": (vae(b"\x40\0\0"), VAE_FILE, "do not even hold its head"),
    "an empty file": (vae(b""), VAE_FILE, "is cut short: 0 bytes"),
    "a file that is too long": (
        lambda root: (root / VAE_FILE).write_bytes((root / VAE_FILE).read_bytes() + b"12"),
        VAE_FILE,
        "has 2 bytes more than its head says",
    ),
    "a page in place of a file": (
        vae(b"<!doctype html><p>Not found</p>"),
        VAE_FILE,
        "no safetensors",
    ),
    "a pointer in place of a file": (vae(LFS), VAE_FILE, "git lfs pull"),
    "a head that is no JSON": (
        vae((4).to_bytes(8, "little") + b"{{{{"),
        VAE_FILE,
        "its head is not understood",
    ),
    "a head that is nested without end": (
        lambda root: write_head(root / VAE_FILE, b'{"a":' + b"[" * 200_000, data_bytes=0),
        VAE_FILE,
        "its head is not understood",
    ),
    "a head that is no text": (
        lambda root: write_head(root / VAE_FILE, b'{"a\xff":{}}', data_bytes=0),
        VAE_FILE,
        "its head is not understood",
    ),
    "a configuration that is no text": (
        lambda root: (root / "vae/config.json").write_bytes(b'{"a":"\xff"}'),
        "vae/config.json",
        "is not the JSON that it should be",
    ),
    "a configuration that is nested without end": (
        lambda root: (root / "vae/config.json").write_bytes(b'{"a":' + b"[" * 200_000),
        "vae/config.json",
        "is not the JSON that it should be",
    ),
    "a head without places": (
        vae((10).to_bytes(8, "little") + b'{"a": [1]}'),
        VAE_FILE,
        "its head is not understood",
    ),
    "a tensor behind the file's end": (lie(data_offsets=[40, 80]), VAE_FILE, "a head that lies"),
    "a tensor of another size": (lie(shape=[11]), VAE_FILE, "a head that lies: 'a'"),
    "a tensor of less than nothing": (lie(shape=[-2, -5]), VAE_FILE, "a head that lies"),
    "a tensor that ends before it begins": (
        lie(data_offsets=[40, 0]),
        VAE_FILE,
        "a head that lies",
    ),
    "a tensor of an unknown type": (lie(dtype="F12"), VAE_FILE, "a type that is not known: F12"),
    "a link to nothing": (link_to_nothing, VAE_FILE, "is a link to a file that is not there"),
    "a pipe in place of a file": (pipe_instead, VAE_FILE, "is not a file"),
    # shards and their index
    "shards without an index": (
        remove(f"transformer/{STEM}.safetensors.index.json"),
        f"transformer/{STEM}.safetensors.index.json",
        "is missing, though shards that it names are there",
    ),
    "a tensor that is not where the index says": (
        shards(a=SECOND),
        f"transformer/{SECOND}",
        "lacks what the index has there: 1, first a",
    ),
    "an index that leads out of the folder": (
        shards(a=f"../transformer_2/{FIRST}"),
        f"transformer/{STEM}.safetensors.index.json",
        "names a file outside of its folder",
    ),
    "weights that are a pickle": (
        replace_by_pickle,
        f"vae/{STEM}.bin",
        "is a pickle, which may run",
    ),
    "no weights at all": (remove(VAE_FILE), VAE_FILE, "is missing"),
    # components
    "a component without a folder": (
        remove_part("vae"),
        "vae",
        "is missing: model_index.json names",
    ),
    "a component that the index lacks": (
        index_without("transformer_2"),
        "model_index.json",
        "has no transformer_2, which Wan 2.2 I2V A14B needs",
    ),
    "a component of a wrong class": (
        index(vae=["diffusers", "AutoencoderKL"]),
        "model_index.json",
        "vae must be a AutoencoderKLWan for Wan 2.2 I2V A14B, got AutoencoderKL",
    ),
    "a configuration of a wrong class": (
        config("transformer_2", _class_name="WanVACETransformer3DModel"),
        "transformer_2/config.json",
        "is of 'WanVACETransformer3DModel', but model_index.json says WanTransformer3DModel",
    ),
    "code of the folder's own": (
        index(vae=["my_pipeline", "AutoencoderKLWan"]),
        "model_index.json",
        "vae is of 'my_pipeline': code of a folder's own is not run",
    ),
    "weights that were made smaller": (
        config("transformer", quantization_config={"quant_method": "bitsandbytes"}),
        "transformer/config.json",
        "another library has made smaller",
    ),
    "a configuration that is missing": (remove("vae/config.json"), "vae/config.json", "is missing"),
    "a configuration that is no JSON": (
        lambda root: (root / "vae/config.json").write_bytes(b"{"),
        "vae/config.json",
        "is not the JSON that it should be",
    ),
    "a configuration without a depth": (
        config("transformer", num_layers=None),
        "transformer/config.json",
        "num_layers must be a whole number from 1, got nothing",
    ),
    "a scheduler without a configuration": (
        remove("scheduler/scheduler_config.json"),
        "scheduler/scheduler_config.json",
        "is missing",
    ),
    "a tokenizer without a vocabulary": (
        remove("tokenizer/tokenizer.json"),
        "tokenizer",
        "has no vocabulary",
    ),
    "a tokenizer whose vocabulary is a pointer": (
        lambda root: (root / "tokenizer/tokenizer.json").write_bytes(LFS),
        "tokenizer/tokenizer.json",
        "git lfs pull",
    ),
    "a tokenizer whose vocabulary is empty": (
        lambda root: (root / "tokenizer/tokenizer.json").write_bytes(b""),
        "tokenizer/tokenizer.json",
        "is empty",
    ),
    "a tokenizer whose vocabulary is cut short": (
        cut("tokenizer/tokenizer.json", 1),
        "tokenizer/tokenizer.json",
        "is not the JSON that it should be",
    ),
    "a tokenizer's other file that is cut short": (
        lambda root: (root / "tokenizer/special_tokens_map.json").write_bytes(b'{"pad_token": '),
        "tokenizer/special_tokens_map.json",
        "is not the JSON that it should be",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_named(tmp_path: Path, case: str) -> None:
    damage, what, reason = BAD[case]
    root = write_folder(tmp_path, A14B)
    damage(root)

    error = refusal(root)

    assert error.what == what
    assert reason in error.reason
    assert error.code == "misconfigured"


def test_a_head_longer_than_any_is_not_read(tmp_path: Path) -> None:
    root = write_folder(tmp_path, A14B)
    with (root / VAE_FILE).open("wb") as file:
        file.write((100_000_001).to_bytes(8, "little"))
        file.truncate(200_000_000)  # sparse

    assert "its first bytes are no head's length" in refusal(root).reason


def test_no_folder_is_refused_by_what_is_there_instead(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "cache" / "snapshots").mkdir(parents=True)
    (tmp_path / "original" / "high_noise_model").mkdir(parents=True)
    (tmp_path / "photos" / "cat.jpg").mkdir(parents=True)

    assert (
        str(refusal(tmp_path / "none"))
        == "none: is no folder of weights: No such file or directory"
    )
    assert str(refusal(tmp_path / "file")) == "file: is no folder of weights: Not a directory"
    assert str(refusal(tmp_path / "empty")) == "model_index.json: is missing: the folder is empty"
    assert "folders of weights are in snapshots/" in str(refusal(tmp_path / "cache"))
    assert "published as ...-Diffusers" in str(refusal(tmp_path / "original"))
    assert "must be in diffusers' layout" in str(refusal(tmp_path / "photos"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    root = write_folder(tmp_path, A14B)
    (root / VAE_FILE).chmod(0)

    assert str(refusal(root)) == f"{VAE_FILE}: cannot be read: Permission denied"


def test_a_pipeline_that_is_not_known_is_refused_with_those_that_are(tmp_path: Path) -> None:
    root = write_folder(tmp_path, A14B, "StableDiffusionPipeline")

    error = refusal(root)

    assert "names a pipeline that is not known, 'StableDiffusionPipeline'" in error.reason
    assert all(profile.title in error.reason for profile in PROFILES)


def test_wan_2_1_is_not_taken_for_wan_2_2(tmp_path: Path) -> None:
    root = write_folder(tmp_path, A14B)
    index(boundary_ratio=None, transformer_2=[None, None])(root)

    error = refusal(root)

    assert error.what == "model_index.json"
    assert "not Wan 2.2 I2V A14B, since boundary_ratio is not there" in error.reason
    assert "not Wan 2.2 TI2V 5B, since expand_timesteps is not there" in error.reason


def test_a_folder_for_text_alone_is_refused(tmp_path: Path) -> None:
    root = write_folder(tmp_path, A14B, "WanPipeline")

    assert "not Wan 2.2 TI2V 5B, since expand_timesteps is not there" in refusal(root).reason


def test_what_a_pipeline_does_without_may_be_null_or_missing(tmp_path: Path) -> None:
    root = write_folder(tmp_path, SMALL)
    index_without("boundary_ratio")(root)
    index(transformer_2=[None, None])(root)

    assert read_folder(root).profile is SMALL


def test_a_component_that_the_profile_does_not_know_is_checked_as_well(tmp_path: Path) -> None:
    root = write_folder(tmp_path, SMALL)
    index(image_encoder=["transformers", "CLIPVisionModel"])(root)

    assert refusal(root).what == "image_encoder"


def test_a_single_file_is_as_good_as_shards(tmp_path: Path) -> None:
    root = write_folder(tmp_path, SMALL)
    remove_part("transformer")(root)
    write_json(root / "transformer/config.json", DENOISER_CONFIG)
    write_tensors(root / f"transformer/{STEM}.safetensors", {"a": (7,)})

    assert read_folder(root).bytes_of["transformer"] == 14


DENOISER_CONFIG = {"num_attention_heads": 2, "attention_head_dim": 12, "num_layers": 3}


def test_diffusers_takes_the_index_and_transformers_the_single_file(tmp_path: Path) -> None:
    root = write_folder(tmp_path, SMALL)
    write_tensors(root / f"transformer/{STEM}.safetensors", {"a": (7,)})
    write_shards(root / "text_encoder", "model")

    sizes = read_folder(root).bytes_of

    assert (sizes["transformer"], sizes["text_encoder"]) == (20, 40)


def test_weights_of_a_variant_are_taken_where_there_are_no_others(tmp_path: Path) -> None:
    root = write_folder(tmp_path, SMALL)
    write_tensors(root / f"vae/{STEM}.bf16.safetensors", {"a": (1,)})
    write_tensors(root / "text_encoder/model.fp16.safetensors", {"a": (1,)})
    write_tensors(root / "text_encoder/model.bf16.safetensors", {"a": (1,)})
    (root / "text_encoder/model.safetensors").unlink()

    parts = read_folder(root).components

    assert (parts["vae"].variant, parts["vae"].files) == (None, (VAE_FILE,))
    assert parts["text_encoder"].variant == "bf16"
    assert parts["text_encoder"].files == ("text_encoder/model.bf16.safetensors",)


def test_reading_a_folder_brings_in_neither_torch_nor_numpy(tmp_path: Path) -> None:
    root = write_folder(tmp_path, A14B)
    heavy = ("torch", "numpy", "safetensors", "diffusers", "transformers", "cv2", "av", "PIL")
    program = (
        "import sys; from unstill.engines.diffusers.folder import read_folder;"
        "import unstill.engines.diffusers.memory;"
        f"read_folder({str(root)!r}); print(*[name for name in {heavy} if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == ""
