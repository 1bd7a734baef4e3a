"""Reading a create call's body: its sections, and its fields under their canonical names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unstill.dialects.call import Call
from unstill.domain.delivery import MOST_URL_CHARS
from unstill.domain.errors import BadBody, BadField, MissingField
from unstill.domain.request import GivenValue, says_nothing

# The spellings of a field that no document of these models has; the last is the one that is told.
_OTHER_RATIOS = ("orientation", "aspectRatio", "ratio")
ASPECT_RATIOS = dict.fromkeys((*_OTHER_RATIOS, "aspect_ratio"), "aspect_ratio")
# No document has it either; it is of every model.
REGION = {"region": "region"}
UNTOLD = frozenset(_OTHER_RATIOS)  # in the schemas: each rule between two names is there many times
WEBHOOK_URL = "webhook_url"  # ours: no documented API has one per request
WEBHOOK_SCHEMA: dict[str, Any] = {
    "description": (
        "Where to POST one signed event when the video is there or will never be: an http or https"
        " URL of the public internet"
    ),
    "type": ["string", "null"],
    "format": "webhook-url",
    "maxLength": MOST_URL_CHARS,
}


def as_object(value: object, param: str) -> dict[str, Any]:
    """`value` as a JSON object; one that says nothing is empty, such as PHP's `[]`."""
    if says_nothing(value):
        return {}
    if not isinstance(value, dict):
        raise BadField(param, "an object", value)
    return value


def body_of(call: Call) -> dict[str, Any]:
    if not isinstance(call.body, dict):
        raise BadBody("the request body must be a JSON object")
    return call.body


def given_model(body: Mapping[str, Any], default: str | None = None) -> GivenValue:
    value = body.get("model")
    if says_nothing(value):
        value = default
    if value is None:
        raise MissingField("model", "the name of a model, see /v1/models")
    if not isinstance(value, str):
        raise BadField("model", "the name of a model, see /v1/models", value)
    return GivenValue("model", value)


def given_webhook(body: Mapping[str, Any]) -> GivenValue | None:
    """Where the caller wants to be told of the end; the same in every dialect."""
    value = body.get(WEBHOOK_URL)
    return None if says_nothing(value) else GivenValue(WEBHOOK_URL, value)


def read_fields(
    section: Mapping[str, Any], names: Mapping[str, str], prefix: str
) -> dict[str, GivenValue]:
    """The fields of a section under their canonical names; `names` maps wire to canonical.

    Raises BadField where two spellings of one field disagree.
    """
    found: dict[str, GivenValue] = {}
    for wire, canonical in names.items():
        value = section.get(wire)
        if value is None:
            continue
        given = GivenValue(prefix + wire, value)
        if canonical in found:
            add_field(found, canonical, given)
        else:
            found[canonical] = given
    return found


def add_field(found: dict[str, GivenValue], name: str, given: GivenValue) -> None:
    """Add what was given for a field, which may be there under another spelling.

    One that says nothing gives way to one that does. Raises BadField where both do and disagree.
    """
    earlier = found.setdefault(name, given)
    if earlier is given or says_nothing(given.value):
        return
    if says_nothing(earlier.value):
        found[name] = given
    elif str(earlier.value) != str(given.value):
        raise BadField(given.param, f"the same as {earlier.param}", given.value)
