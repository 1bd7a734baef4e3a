"""Parsers of what operators write: unstill.toml, keys, limits of keys, folders of weights."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
from benchmarks.fuzz_bodies import place_for
from benchmarks.fuzz_edits import OF_JSON
from benchmarks.fuzz_parser import Parser, text

from unstill.dialects.body_fields import body_of
from unstill.dialects.call import Call
from unstill.domain.errors import BadBody, BadField, BadSetting, UnknownModel
from unstill.domain.limits import SETTABLE
from unstill.domain.money import MOST_MILLIONTHS, millionths_in, shown_amount
from unstill.engines.diffusers.folder_files import BadFolder, read_json, read_tensors
from unstill.engines.diffusers.model_index import recognised
from unstill.models.catalogue import Catalogue
from unstill.server.admin.bodies import body_with
from unstill.server.admin.jobs import ids_in, wanted_in
from unstill.server.admin.keys import FIELDS, wanted_key
from unstill.server.admin.limits import changes_in
from unstill.server.content_types import value_of
from unstill.server.query import query_of
from unstill.server.usage_report import asked_in
from unstill.service.key_rules import checked_name, models_of, moment_ms_of, networks_of
from unstill.settings.keys import read_keys, read_webhook_secrets
from unstill.settings.proxies import check_proxy
from unstill.settings.reader import read_settings
from unstill.upstreams.lenient_json import decoded

_NOW_MS = 1_796_000_000_000
_CATALOGUE = Catalogue()
_TOML = b"""
[server]
port = 8000
public_url = "https://videos.example.com"
allow_networks = ["10.0.0.0/8"]
trusted_proxies = ["127.0.0.0/8"]
default_engine = "camera"
keep_videos_days = 30
cors_origins = ["https://app.example.com"]

[engines.bailian]
kind = "dashscope"
currency = "CNY"
base_url = "https://dashscope.aliyuncs.com/api/v1"
api_key = "sk-1"

[engines.gpu1]
kind = "openai_videos"
server = "sglang"
base_url = "http://gpu1:30000/v1"
poll_interval_s = 2.5

[models."my-sora"]
like = "openai/sora-2/image-to-video-pro"
engines = ["gpu1", "bailian"]

[money]
currency = "EUR"
rates = { CNY = "0.125" }

[engines.bailian.costs."wan2.7-i2v"]
per_second = 0.6
tiers = { "720P" = { per_second = "0.4" } }

[models."wan2.7-i2v".prices]
"720P" = { per_second = "0.09" }
"1080P" = { per_video = 1 }

[webhooks]
team-a = "https://example.com/hook"
"""
_WORDS = (
    b"[",
    b"]",
    b"=",
    b'"',
    b"\n",
    b"{}",
    b"[[a]]\n",
    b"1979-05-27",
    b"inf",
    b"nan",
    b"'''",
    b"#",
)


def _head(head: object, data: bytes = b"\0" * 64) -> bytes:
    text = msgspec.json.encode(head)
    return len(text).to_bytes(8, "little") + text + data


_TENSORS = _head(
    {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F16", "shape": [2, 4], "data_offsets": [0, 16]},
        "b": {"dtype": "F32", "shape": [3, 4], "data_offsets": [16, 64]},
    }
)
_INDEX = msgspec.json.encode(
    {
        "_class_name": "WanImageToVideoPipeline",
        "_diffusers_version": "0.35",
        "transformer": ["diffusers", "WanTransformer3DModel"],
        "image_encoder": [None, None],
        "boundary_ratio": 0.9,
    }
)


def _settings(data: bytes) -> None:
    settings = read_settings(file=place_for(data), environment={}, command_line={})
    settings.catalogue()
    msgspec.json.encode(settings.server)


def _variables(data: bytes) -> None:
    pairs = (line.partition("=") for line in text(data).replace("\0", "").split("\n"))
    environment = {f"UNSTILL_{name.strip()}": value for name, _, value in pairs if name.strip()}
    read_settings(file=place_for(b""), environment=environment, command_line={})


def _keys(data: bytes) -> None:
    keys = read_keys(text(data))
    assert all(key and owner for key, owner in keys.items())
    assert all(key.isprintable() for key in keys)


def _limits_of_a_key(data: bytes) -> None:
    name, models, networks, moment, *_ = (*text(data).split("\n"), "", "", "", "")
    for reading in (
        lambda: checked_name("name", name),
        lambda: models_of("models", models.split(","), _CATALOGUE),
        lambda: networks_of("networks", networks.split(",")),
        lambda: moment_ms_of("expires", moment, _NOW_MS),
    ):
        with contextlib.suppress(BadField, UnknownModel):
            assert reading()


def _tensors(data: bytes) -> None:
    place = place_for(data)
    tensors = read_tensors(place.parent, place.name)
    assert sum(each.size_bytes for each in tensors.values()) <= len(data)
    assert all(each.count >= 0 for each in tensors.values())


def _index(data: bytes) -> None:
    place = place_for(data)
    index = read_json(place.parent, place.name, dict[str, Any])
    recognised(index)


def _amount(data: bytes) -> None:
    written = text(data)
    for value in (written, decoded(written)):
        with contextlib.suppress(ValueError):
            amount = millionths_in(value)
            assert 0 <= amount <= MOST_MILLIONTHS
            assert millionths_in(shown_amount(amount)) == amount


def _operators_body(data: bytes) -> None:
    """What operators send over HTTP, whichever route it comes to."""
    call = Call("r", {}, {}, {}, value_of(data, "application/json"))
    for reading in (
        lambda: wanted_key(body_with(call, FIELDS), "sk-1", _CATALOGUE, _NOW_MS),
        lambda: changes_in(body_of(call), SETTABLE),
        lambda: ids_in(body_of(call)),
    ):
        with contextlib.suppress(BadField, UnknownModel, BadBody):
            msgspec.json.encode(reading())


def _operators_query(data: bytes) -> None:
    query = query_of(data)
    wanted = wanted_in(Call("r", {}, query, {}))
    assert 0 <= wanted.limit <= 1000
    usage = asked_in(query)
    assert usage.by is not None


PARSERS: tuple[Parser, ...] = (
    Parser(
        "amounts",
        (b"0.09", b"12", b"999999999.999999", b"1e-05"),
        _amount,
        (),
        (b".", b"e", b"-", b"+"),
    ),
    Parser(
        "bodies of operators",
        (
            b'{"owner":"team-a","name":"laptop","scope":"user","models":["sora-2"]}',
            b'{"owner":"a","networks":["::1/128"],"expires":"90d","limits":{"queue":10}}',
            b'{"queue":100,"in_flight":null,"weight":2,"budget_day":"1.5"}',
            b'{"job_ids":["01a226b5-661a-7d0e-81a1-849fc6d3c6b2"]}',
        ),
        _operators_body,
        (BadBody, BadField),
        (b'"owner":', b'"limits":', b'"budget_day":', b'"queue":'),
        OF_JSON,
    ),
    Parser(
        "queries of operators",
        (
            b"owner=team-a&state=queued,running&limit=20",
            b"by=owner&since=2026-11-01&until=2026-11-30",
        ),
        _operators_query,
        (BadField,),
        (b"&", b"by=", b"since=", b"until=", b"0001-01-01", b"9999-12-31", b"day,", b"model"),
    ),
    Parser("unstill.toml", (_TOML,), _settings, (BadSetting, UnknownModel), _WORDS),
    Parser(
        "variables",
        (b"PORT=8000\nALLOW_NETWORKS=10.0.0.0/8,::1/128\nAPI_KEYS=a:sk-1,b:sk-2\nLINK_HOURS=24",),
        _variables,
        (BadSetting,),
        (b"\n", b"=", b",", b"API_KEYS=", b"WEBHOOK_SECRET=", b"DATA_DIR=", b"PUBLIC_URL=http://"),
    ),
    Parser(
        "keys in the environment",
        (b"team-a:sk-1,team-b:sk-2, sk-3", b"sk-without"),
        _keys,
        (BadSetting,),
        (b":", b",", b";", b"$KEY", b"env:", b" "),
    ),
    Parser(
        "addresses of proxies",
        (b"http://proxy.example:3128", b"http://user:secret@[::1]:8080", b"http://10.0.0.1:1"),
        lambda data: check_proxy(text(data), "server.proxy"),
        (BadSetting,),
        (b"@", b":", b"/", b"[", b"]", b"xn--", b"%", b"?"),
    ),
    Parser(
        "webhook secrets",
        (b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx",),
        lambda data: read_webhook_secrets(text(data)),
        (BadSetting,),
    ),
    Parser(
        "limits of keys",
        (
            b"laptop\nwan2.7-i2v,sora-2\n10.9.0.0/16,::1/128\n90d",
            b"a\nsora-2\n10.0.0.1\n2027-01-01T00:00:00+14:00",
            b"a\nsora-2\n10.0.0.1\n0001-01-01T00:00:00+14:00",
        ),
        _limits_of_a_key,
        (),
        (b",", b"/", b"T00:00", b"Z", b"+23:59", b"99999d", b"9999-12-31", b"W01-1"),
    ),
    Parser(
        "heads of weights",
        (_TENSORS, _head({}, b"")),
        _tensors,
        (BadFolder,),
        (b'"F8_E5M2"', b'"shape":[]', b"[0,16]", b"-1", b'"dtype"'),
        OF_JSON,
    ),
    Parser("model_index.json", (_INDEX,), _index, (BadFolder,), (), OF_JSON),
)
