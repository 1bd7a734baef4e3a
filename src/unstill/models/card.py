"""What a model card is made of: its fields, the pictures that it takes, examples of its calls.

A card is data.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import msgspec

from unstill.domain.request import MASK_ROLES, MarkedRegion, Ratio, Role, Size, TierName
from unstill.models.field_kinds import (
    NOT_BLANK,
    AspectRatio,
    Exact,
    Flag,
    PictureField,
    SizeLimits,
    Text,
    Tier,
    Whole,
)
from unstill.models.field_texts import FIELD_WORDS, FieldLabel
from unstill.models.region_list import RegionList

Kind = Text | Whole | Flag | Tier | Exact | AspectRatio | PictureField | RegionList
Value = str | int | bool | Size | Ratio | tuple[MarkedRegion, ...]


class Field(msgspec.Struct, frozen=True):
    """One field of a model, under its canonical name. `source` says where its numbers are from."""

    name: str
    kind: Kind
    source: str
    default: str | int | bool | None = None  # None: absent, or decided when the job is made
    is_required: bool = False
    own_label: FieldLabel | None = None  # set where models/field_texts.py has none

    @property
    def label(self) -> FieldLabel:
        return self.own_label or FIELD_WORDS[self.name]

    def schema(self) -> dict[str, Any]:
        """For a form: one plain spelling, with a title, a description and the default."""
        words = self.label
        schema = {"title": words.title, "description": words.about} | self.kind.schema()
        if self.is_required and isinstance(self.kind, Text):
            schema |= {"pattern": NOT_BLANK}
        return schema if self.default is None else schema | {"default": self.default}

    def wire_schema(self) -> dict[str, Any]:
        """For a request: every spelling that is taken."""
        schema = {"description": self.label.about} | self.kind.wire_schema()
        if self.is_required and isinstance(self.kind, Text):
            schema |= {"type": "string", "pattern": NOT_BLANK}
        return schema if self.default is None else schema | {"default": self.default}


# Another way to ask for a size, of every model that has one; no document of these models has it.
ASPECT_RATIO = Field("aspect_ratio", AspectRatio(), source="docs/decisions/031-aspect-ratios.md")
# What an engine that moves the photo's own pixels can be told, whatever the model.
REGION = Field("region", RegionList(), source="docs/decisions/091-a-region-of-the-callers-own.md")


class FrameRule(msgspec.Struct, frozen=True):
    """Which pictures a model takes. `most_ratio` r means 1:r to r:1.

    What has a side longer than `most_side_px` is taken too, and scaled down before it is sent.
    """

    least_side_px: int
    most_side_px: int
    most_ratio: float
    source: str


MASK_RULE = FrameRule(  # whatever the model: it is scaled to the picture
    least_side_px=8, most_side_px=8000, most_ratio=32.0, source=REGION.source
)


class CallExample(msgspec.Struct, frozen=True):
    """A create call for a model in one dialect, as its description shows it."""

    about: str
    body: dict[str, Any]


class Card(msgspec.Struct, frozen=True, dict=True):  # for the properties that are kept
    """Everything unstill knows of a model; nothing about it stands anywhere else.

    What is kept by dialect has the dialect's name as its key.
    """

    id: str
    title: str
    created: int  # Unix seconds, for the model list
    fields: tuple[Field, ...]
    frame_rate: int  # the output has so many frames per second
    frame_rule: FrameRule
    usage: tuple[str, ...]  # names of the documented usage fields
    source: str
    aliases: tuple[str, ...] = ()
    # Only where a tier is one of some sizes, not an area; each lying, the widest known one first.
    tier_sizes: dict[TierName, tuple[Size, ...]] = {}
    # By dialect, field -> its name in the model's own document, only where the dialect's differs.
    own_names: dict[str, dict[str, str]] = {}
    own_usage: dict[str, tuple[str, ...]] = {}  # by dialect, only where it has more for others
    default_at: dict[str, str] = {}  # by dialect, the name that a call without a model stands for
    examples: dict[str, CallExample] = {}  # by dialect

    @property
    def names(self) -> tuple[str, ...]:
        return (self.id, *self.aliases)

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        fields = {field.name: field for field in self.fields}
        ratio = {ASPECT_RATIO.name: ASPECT_RATIO} if "size" in fields else {}
        return fields | ratio | {REGION.name: REGION}

    @cached_property
    def defaults(self) -> Mapping[str, str | int | bool]:
        return {field.name: field.default for field in self.fields if field.default is not None}

    @cached_property
    def required(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.is_required)

    @property
    def tiers(self) -> tuple[TierName, ...]:
        """The resolutions that may be asked for."""
        field = self.field("resolution")
        return field.kind.choices if field is not None and isinstance(field.kind, Tier) else ()

    @property
    def size_limits(self) -> SizeLimits:
        """How large an exact size may be."""
        return Exact(self.tiers).limits

    def field(self, name: str) -> Field | None:
        return self.by_name.get(name)

    def rule_of(self, role: Role) -> FrameRule:
        """Which pictures it takes in this role."""
        return MASK_RULE if role in MASK_ROLES else self.frame_rule

    def schema(self) -> dict[str, Any]:
        """The fields as one JSON Schema object, in an order in which a form may show them."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.title,
            "type": "object",
            "properties": {
                field.name: field.schema() | {"x-order": n} for n, field in enumerate(self.fields)
            },
            "required": [field.name for field in self.fields if field.is_required],
        }
