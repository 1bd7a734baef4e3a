"""The engines' pages say what the engines do: settings, upstream models, servers, faults."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from typer.main import get_command

from docs import pages
from docs.pages import DOCUMENTS, ROOT
from support.engine_benches import engine
from support.requests import HAPPYHORSE, SORA, WAN22, WAN27
from unstill.cli.commands import app
from unstill.domain.job import IN_DOUBT, UNTOLD
from unstill.emulators import KINDS, Options
from unstill.emulators.control import Control
from unstill.emulators.desk import Desk
from unstill.emulators.faults import FAULTS_AT, Fault, FaultSite
from unstill.emulators.request_log import Log
from unstill.engines.diffusers.options import PipelineOptions as OfWeights
from unstill.engines.diffusers.profile import Profile
from unstill.engines.diffusers.profiles import PROFILES
from unstill.engines.diffusers.shapes import longest_s
from unstill.engines.modelverse import models as of_modelverse
from unstill.engines.openai_videos.servers import SERVERS, ServerKind
from unstill.models.catalogue import CARDS
from unstill.net.fetcher import Fetcher
from unstill.settings.engines import (
    ENGINE_KINDS,
    HOSTED_KINDS,
    CameraSettings,
    ComfyUiSettings,
    DiffusersSettings,
    OpenAiVideosSettings,
    RemoteSettings,
)
from unstill.settings.models import ModelSettings
from unstill.settings.money import CostSettings, MoneySettings
from unstill.settings.reader import Settings, read_settings
from unstill.upstreams import dashscope_models as of_dashscope
from unstill.upstreams.port import SettlingRemote
from unstill.upstreams.vocabulary import OwnWords

ENGINES = ROOT / "docs" / "engines"
DASHSCOPE, MODELVERSE, OPENAI_VIDEOS, DIFFUSERS, EMULATORS = (
    ENGINES / f"{name}.md"
    for name in ("dashscope", "modelverse", "openai-videos", "diffusers", "emulators")
)
PROVIDERS = ENGINES / "providers.md"
README = ROOT / "README.md"
API, SETTINGS = (ROOT / "docs" / f"{name}.md" for name in ("api", "settings"))
ENDS = re.compile(r'\b(?:Failure|Failed)\(\s*"(\w+)"')

# --- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading", "settings"),
    [
        ("Of this machine", CameraSettings),
        ("Of open weights on this machine", DiffusersSettings),
        ("Words of a server of your own", OwnWords),
        ('[models."NAME"]', ModelSettings),
        ("[money]", MoneySettings),
    ],
)
def test_every_setting_of_engines_and_models_is_documented_with_its_default(
    heading: str, settings: type[msgspec.Struct]
) -> None:
    rows = pages.rows(pages.section(SETTINGS, heading))
    fields = msgspec.structs.fields(settings)

    assert [row[:2] for row in rows] == [[f"`{f.name}`", _default(f)] for f in fields]


def test_every_setting_of_remote_engines_is_documented_once_with_its_default() -> None:
    """What all kinds have, and what one kind alone has, which its row says."""
    rows = pages.rows(pages.section(SETTINGS, "Of somebody else's server"))
    common = msgspec.structs.fields(RemoteSettings)
    fields = {
        field.name: field
        for kind in (OpenAiVideosSettings, ComfyUiSettings)
        for field in msgspec.structs.fields(kind)
    }

    assert {row[0]: row[1] for row in rows} == {
        f"`{name}`": _default(field) for name, field in fields.items()
    }
    assert len(rows) == len(fields)
    own = fields.keys() - {field.name for field in common}
    assert {row[0].strip("`") for row in rows if "` only" in row[2]} == own


def test_every_way_to_charge_is_documented() -> None:
    rows = pages.rows(pages.section(SETTINGS, "Costs and prices"))

    assert [row[0] for row in rows] == [f"`{name}`" for name in CostSettings.__struct_fields__]


def test_every_kind_of_engine_is_documented_with_its_page() -> None:
    rows = pages.rows(pages.section(SETTINGS, "[engines.NAME]"))

    assert [row[0] for row in rows] == [f'`"{kind}"`' for kind in ENGINE_KINDS]
    assert all(pages.LINK.search(row[1]) for row in rows)


def test_every_kind_of_engine_is_in_the_readme() -> None:
    rows = pages.rows(pages.section(README, "Engines"))
    named = [kind for row in rows for kind in re.findall(r"`(\w+)`", row[0])]

    assert named == [kind for kind in ENGINE_KINDS if kind not in HOSTED_KINDS]
    assert "docs/engines/providers.md" in pages.links(README)


def test_every_kind_of_a_providers_engine_is_led_to_its_page() -> None:
    links = set(pages.links(PROVIDERS))

    assert [f"{kind}.md" for kind in HOSTED_KINDS if f"{kind}.md" not in links] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_settings_files_in_the_documents_are_accepted(document: Path, tmp_path: Path) -> None:
    for block in pages.blocks(document):
        if block.language == "toml":
            read = _read(block.text, tmp_path / "unstill.toml")
            assert read != Settings(), f"{document.name}, line {block.line}"


# --- models ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", HOSTED_KINDS)
def test_what_each_model_becomes_is_documented(kind: str) -> None:
    choices = import_module(f"unstill.engines.{kind}.models").CHOICES
    rows = pages.rows(pages.section(ENGINES / f"{kind}.md", "What each model becomes"))

    assert {row[0].strip("`"): row[1].strip("`") for row in rows} == choices
    assert choices.keys() <= {card.id for card in CARDS}


@pytest.mark.parametrize("kind", ["dashscope", "modelverse"])
def test_the_documented_models_are_at_both_that_documented_them(kind: str) -> None:
    choices = import_module(f"unstill.engines.{kind}.models").CHOICES

    assert {WAN22, WAN27, SORA, HAPPYHORSE} <= choices.keys()


@pytest.mark.parametrize("kind", HOSTED_KINDS)
def test_every_upstream_model_of_a_provider_is_documented_with_its_lengths_and_tiers(
    kind: str,
) -> None:
    models = import_module(f"unstill.engines.{kind}.models").MODELS
    rows = pages.rows(pages.section(ENGINES / f"{kind}.md", "Upstream models"))

    assert [row[:2] for row in rows] == [
        [f"`{name}`", _seconds(model.durations_s)] for name, model in models.items()
    ]
    assert all(
        row[2].startswith(", ".join(model.tiers))
        for row, model in zip(rows, models.values(), strict=True)
    )


def test_which_provider_has_which_model_is_told_as_the_engines_have_it() -> None:
    text = pages.section(PROVIDERS, "Which provider has which model")
    head = next(line for line in text.splitlines() if line.startswith("| engine"))
    columns = re.findall(r"`([^`]+)`", head)
    told: dict[str, set[str]] = {}
    for row in pages.rows(text):
        beside = {model for model, cell in zip(columns, row[1:], strict=False) if cell}
        told[re.findall(r"`(\w+)`", row[0])[0]] = beside | set(re.findall(r"`([^`]+)`", row[-2]))
    rooms = {kind: import_module(f"unstill.engines.{kind}.models") for kind in HOSTED_KINDS}

    assert len(columns) == 4
    assert told == {kind: set(room.CHOICES) for kind, room in rooms.items()}


def test_the_upstreams_that_can_tell_of_a_lost_reply_are_named() -> None:
    rows = pages.rows(pages.section(PROVIDERS, "Which provider has which model"))
    told = {re.findall(r"`(\w+)`", row[0])[0]: row[-1] for row in rows}
    remotes = {kind: engine(kind, "http://h", Fetcher()) for kind in HOSTED_KINDS}

    assert told == {
        kind: "is settled" if isinstance(each, SettlingRemote) else "is a doubt"
        for kind, each in remotes.items()
    }


def test_every_upstream_model_of_dashscope_is_documented_as_its_row_has_it() -> None:
    rows = pages.rows(pages.section(DASHSCOPE, "Upstream models"))

    assert rows == [_dashscope_row(model) for model in of_dashscope.MODELS.values()]


def test_every_upstream_model_of_modelverse_is_documented_as_its_row_has_it() -> None:
    rows = pages.rows(pages.section(MODELVERSE, "Upstream models"))

    assert rows == [_modelverse_row(model) for model in of_modelverse.MODELS.values()]


def test_the_codes_that_mean_more_than_their_status_are_documented() -> None:
    for kind in HOSTED_KINDS:
        codes = import_module(f"unstill.engines.{kind}.engine").CODES
        words = pages.code_words(ENGINES / f"{kind}.md")

        assert codes.of_account | codes.of_model | codes.busy <= words


def test_every_server_with_a_videos_route_is_documented() -> None:
    text = pages.section(OPENAI_VIDEOS, "What each server takes")
    head = [cell.strip() for cell in text.strip().splitlines()[0].strip("|").split("|")]
    rows = {row[0]: row[1:] for row in pages.rows(text)}
    servers = [SERVERS[kind] for kind in get_args(ServerKind)]

    assert head[1:] == [f"`{server.kind}`" for server in servers]
    assert rows["seed"] == [_sent(server.takes_seed) for server in servers]
    assert rows["negative prompt"] == [
        "sent" if server.takes_negative_prompt else "refused" for server in servers
    ]
    assert rows["`generate_audio = true`"] == [
        "sent" if server.sound_field else "made anyway" if server.sounds_anyway else "refused"
        for server in servers
    ]
    assert rows["`prompt_extend = false`"] == [
        "refused" if server.rewrites_prompts else "not sent" for server in servers
    ]
    assert rows["`DELETE` stops a job"] == [_yes(server.cancels) for server in servers]
    assert rows["a restart forgets its jobs"] == [_yes(server.forgets) for server in servers]
    for server, cell in zip(servers, rows["models"], strict=True):
        named = dict(re.findall(r"`([^`]+)` as `([^`]+)`", cell))
        assert named == server.choices
        assert ("whatever is routed" in cell) == server.takes_any_model
    for server, cell in zip(servers, rows["sound"], strict=True):
        assert (f"`{server.sound_field}`" in cell) == bool(server.sound_field)


def test_every_pipeline_of_open_weights_is_documented_as_its_profile_has_it() -> None:
    rows = pages.rows(pages.section(DIFFUSERS, "Getting the weights"))

    assert len(PROFILES) >= 4
    assert {row[1]: row[2:] for row in rows} == {
        each.title: _pipeline_row(each) for each in PROFILES
    }


def test_every_code_of_ours_that_a_job_may_end_with_at_an_upstream_is_documented() -> None:
    sources = (ROOT / "src" / "unstill").glob("**/*.py")
    codes = {code for path in sources for code in ENDS.findall(path.read_text("utf-8"))}
    codes |= {IN_DOUBT, *UNTOLD}

    assert {"cancelled", "expired", "upstream_lost"} <= codes
    assert codes <= pages.code_words(API)


# --- emulators ---------------------------------------------------------------------------------


def test_every_emulator_is_documented() -> None:
    rows = pages.rows(pages.section(EMULATORS, "Emulators"))
    commands = [row[0] for row in rows if row[0].startswith("`unstill")]

    assert commands == [f"`unstill emulate {kind}`" for kind in KINDS]


def test_every_option_of_the_emulators_is_documented() -> None:
    rows = pages.rows(pages.section(EMULATORS, "Emulators"))
    there_is = get_command(app).commands["emulate"].params  # type: ignore[attr-defined]
    options = [each.opts[0] for each in there_is if each.opts[0].startswith("--")]
    documented = {row[0].strip("`"): row[1].strip("`") for row in rows if row[0].startswith("`--")}
    defaults = Options()

    assert list(documented) == options
    assert documented["--port"] == str(defaults.port)
    assert documented["--job-seconds"] == str(defaults.job_s)
    assert documented["--seed"] == str(defaults.seed)


def test_every_fault_is_documented_with_its_places() -> None:
    rows = pages.rows(pages.section(EMULATORS, "Faults"))
    documented = {row[0].strip("`"): row[1] for row in rows if len(row) == 3}
    places = {row[0].strip("`") for row in rows if len(row) == 2}

    assert places == set(FaultSite)
    assert documented == {fault.value: _places(fault) for fault in Fault}


def test_every_control_route_is_documented() -> None:
    rows = pages.rows(pages.section(EMULATORS, "The control API"))
    desk = Desk("dashscope", Options())
    there_is = [f"`{each.method} {each.path}`" for each in Control(desk, Log(1)).endpoints]

    assert [row[0] for row in rows] == there_is


def _read(toml: str, file: Path) -> Settings:
    file.write_text(toml, "utf-8")
    keys = dict.fromkeys(re.findall(r'"env:(\w+)"', toml), "sk-any")
    return read_settings(file=file, environment=keys, command_line={})


def _default(field: msgspec.structs.FieldInfo) -> str:
    match field.default:
        case msgspec.NODEFAULT if field.default_factory is dict:
            return "`{}`"
        case msgspec.NODEFAULT:
            return "required"
        case str(text):
            return f'`"{text}"`'
        case bool(flag):
            return f"`{str(flag).lower()}`"
        case None:
            return "none"
        case ():
            return "`[]`"
        case msgspec.Struct():
            return "`{}`"
        case number:
            return f"`{number}`"


def _dashscope_row(model: of_dashscope.DashScopeModel) -> list[str]:
    prompt = str(model.prompt_chars) + (", wide ones count twice" * model.counts_wide_twice)
    sound = "as asked" if model.has_audio_switch else "never" if model.is_silent else "always"
    return [
        f"`{model.name}`",
        _seconds(model.durations_s),
        ", ".join(model.tiers),
        prompt,
        str(model.negative_chars or "none"),
        _last_frame(model),
        sound,
        f"{model.picture_bytes // 2**20} MiB",
    ]


def _last_frame(model: of_dashscope.DashScopeModel) -> str:
    if model.needs_last_frame:
        return "needed"
    if model.last_frame_model:
        return f"by `{model.last_frame_model}`"
    return _yes(model.has_last_frame)


def _modelverse_row(model: of_modelverse.ModelverseModel) -> list[str]:
    return [
        f"`{model.name}`",
        _seconds(model.durations_s),
        ", ".join(model.tiers) + ", not sent" * (not model.has_resolution),
        "needed" if model.needs_prompt else "may be left out",
        _yes(model.has_last_frame),
        ", ".join(f"`{name}`" for name in sorted(model.extras)) or "none",
    ]


def _pipeline_row(profile: Profile) -> list[str]:
    guidance = " and ".join(f"{each:g}" for each in profile.guidance_default)
    return [
        f"{profile.fps}",
        f"{longest_s(OfWeights(path=''), profile)} s",
        "refused" if profile.last_frame == "none" else "yes",
        f"{profile.steps}, {guidance or 'as its folder has it'}",
        profile.licence,
    ]


def _seconds(durations_s: tuple[int, ...]) -> str:
    if len(durations_s) > 3:
        return f"{durations_s[0]} to {durations_s[-1]}"
    return ", ".join(map(str, durations_s))


def _places(fault: Fault) -> str:
    places = [place for place in FaultSite if fault in FAULTS_AT[place]]
    if len(places) == len(FaultSite):
        return "everywhere"
    return ", ".join(f"`{place}`" for place in places)


def _sent(is_sent: bool) -> str:  # noqa: FBT001  - a cell of a table
    return "sent" if is_sent else "not sent"


def _yes(is_so: bool) -> str:  # noqa: FBT001  - a cell of a table
    return "yes" if is_so else "no"
