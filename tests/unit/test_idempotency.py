"""The fingerprint: the same for what asks for the same, another for whatever differs."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import urlencode

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from support.requests import URL
from support.scripted_fetches import PNG
from unstill.dialects.apis.tasks import Tasks
from unstill.dialects.apis.videos.dialect import Videos
from unstill.dialects.call import Call
from unstill.domain.request import CreateCall
from unstill.models.catalogue import Catalogue
from unstill.server.form import from_urlencoded
from unstill.service.idempotency import fingerprint
from unstill.service.pictures import take

CATALOGUE = Catalogue()
PICTURES = [URL, "https://example.com/dog.jpg", PNG, PNG + b"other"]

fields = st.fixed_dictionaries(
    {"first_frame": st.sampled_from(PICTURES)},
    optional={
        "prompt": st.text(st.characters(codec="utf-8"), max_size=20),
        "negative_prompt": st.sampled_from(["", "blur"]),
        "resolution": st.sampled_from(["720P", "1080P"]),
        "duration": st.integers(2, 15),
        "seed": st.integers(0, 2**31 - 1),
        "watermark": st.booleans(),
        "generate_audio": st.booleans(),
        "prompt_extend": st.booleans(),
        "last_frame": st.sampled_from(PICTURES),
    },
)

Fields = dict[str, Any]  # by canonical name, pictures as URL or bytes


def printed(create_call: CreateCall) -> str:
    name, card = CATALOGUE.card(create_call.model)
    frames = {role: each.frame for role, each in take(create_call.frames).items()}
    return fingerprint(name, card, create_call, frames)


def call(body: object, *, is_form: bool = False) -> Call:
    return Call("r", {}, {}, {}, body, is_form)


def text_of(picture: str | bytes) -> str:
    return picture if isinstance(picture, str) else base64.b64encode(picture).decode()


def as_task(given: Fields) -> str:
    """Through the tasks dialect, in JSON."""
    inputs: Fields = {n: given[n] for n in ("prompt", "negative_prompt") if n in given}
    for name in ("first_frame", "last_frame"):
        if name in given:
            inputs[f"{name}_url"] = text_of(given[name])
    others = given.keys() - {"prompt", "negative_prompt", "first_frame", "last_frame"}
    body = {"model": "WAN2.7-i2v", "parameters": {n: given[n] for n in others}, "input": inputs}
    return printed(Tasks().parse(call(body)))


def as_json(given: Fields) -> str:
    """Through the videos dialect in JSON, in other spellings and the other way round."""
    body: Fields = {"model": "wan2.7-i2v", **dict(reversed(given.items()))}
    if "resolution" in body:
        body["resolution"] = body["resolution"].lower()
    if "duration" in body:
        body["seconds"] = str(body.pop("duration"))
    body["input_reference"] = {"image_url": text_of(body.pop("first_frame"))}
    if "last_frame" in body:
        picture = body["last_frame"]
        if isinstance(picture, bytes):
            body["last_frame"] = f"data:image/jpeg;base64,{text_of(picture)}"
    return printed(Videos().parse(call(msgspec.json.decode(msgspec.json.encode(body)))))


def as_form(given: Fields) -> str:
    """Through the videos dialect as a form: every value is text, but for uploaded files."""
    texts: Fields = {k: str(v).lower() if isinstance(v, bool) else v for k, v in given.items()}
    files: Fields = {
        name: texts.pop(name) for name in ("first_frame", "last_frame") if name in texts
    }
    form = from_urlencoded(urlencode({"model": "wan2.7-i2v", **texts}).encode())
    return printed(Videos().parse(call(files | form, is_form=True)))


@given(fields)
def test_what_asks_for_the_same_has_the_same_fingerprint(given: Fields) -> None:
    assert as_task(given) == as_json(given) == as_form(given)


@given(fields, fields)
def test_whatever_differs_makes_another_fingerprint(one: Fields, other: Fields) -> None:
    assume(one != other)

    assert as_task(one) != as_task(other)


@given(fields, st.data())
def test_one_field_more_or_less_makes_another_fingerprint(one: Fields, data: st.DataObject) -> None:
    optional = sorted(one.keys() - {"first_frame"})
    assume(optional)
    name = data.draw(st.sampled_from(optional))

    assert as_json(one) != as_json({k: v for k, v in one.items() if k != name})


def test_a_default_that_is_given_is_not_one_that_is_left_out() -> None:
    assert as_task({"first_frame": URL}) != as_task({"first_frame": URL, "duration": 5})


def test_another_name_of_a_model_is_another_model() -> None:
    bodies = [{"model": name, "image": URL} for name in ("wan2.7-i2v", "wan2.7-i2v-2026-04-25")]

    one, other = (printed(Videos().parse(call(body))) for body in bodies)

    assert one != other


def test_an_exact_size_counts_in_whatever_spelling() -> None:
    bodies = [{"model": "sora-2", "image": URL, "size": s} for s in ("1280x720", "1280*720")]

    one, other = (printed(Videos().parse(call(body))) for body in bodies)

    assert one == other
    assert one != printed(Videos().parse(call(bodies[0] | {"size": "720x1280"})))


def test_what_has_no_effect_does_not_count() -> None:
    plain = {"model": "sora-2", "image": URL}
    ignored = {"seed": 7, "style": "noir", "last_frame": URL}  # other models have it, or none

    assert printed(Videos().parse(call(plain))) == printed(Videos().parse(call(plain | ignored)))


def test_a_fingerprint_is_the_same_in_every_release() -> None:
    given = {"first_frame": PNG, "last_frame": URL, "prompt": "一只猫", "duration": 5, "seed": 7}
    written = (
        '{"fields":{"duration":5,"prompt":"一只猫","seed":7},"frames":'
        f'{{"first":{{"sha256":"{hashlib.sha256(PNG).hexdigest()}","url":null}},'
        f'"last":{{"sha256":null,"url":"{URL}"}}}},"model":"wan2.7-i2v"}}'
    )

    assert as_task(given) == hashlib.sha256(written.encode()).hexdigest()


def test_where_its_end_is_told_counts_in_every_release() -> None:
    body = {"model": "sora-2", "image": URL, "webhook_url": "https://example.com/hook"}
    written = (
        f'{{"fields":{{}},"frames":{{"first":{{"sha256":null,"url":"{URL}"}}}},'
        '"model":"sora-2","webhook_url":"https://example.com/hook"}'
    )

    assert printed(Videos().parse(call(body))) == hashlib.sha256(written.encode()).hexdigest()
