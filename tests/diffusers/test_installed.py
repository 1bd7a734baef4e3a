"""What the extra brings is what was tried, and enough for the folders that are published."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import ftfy
import sentencepiece
from transformers import T5Tokenizer

from support.pins import pins

ROOT = Path(__file__).parents[2]
SENTENCES = [f"a cat looks at the far wall, number {number}" for number in range(300)]


def test_the_extra_is_installed_as_it_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = (re.split("[<>=]", each)[0] for each in project["optional-dependencies"]["diffusers"])
    names = [name for name in asked if name != "torch"]

    assert {name: version(name) for name in names} == {name: pins()[name] for name in names}


def test_a_tokenizer_that_is_a_spiece_model_alone_is_read(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("\n".join(SENTENCES))
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "words"),
        model_prefix=str(tmp_path / "spiece"),
        vocab_size=60,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    config = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))

    tokenizer = T5Tokenizer.from_pretrained(tmp_path, local_files_only=True)
    tokens = tokenizer("a cat looks").input_ids

    assert len(tokens) > 3
    assert tokens[-1] == 1
    assert 2 not in tokens


def test_prompts_can_be_cleaned() -> None:
    assert ftfy.fix_text("l\u00c3\u00a9ger") == "léger"
