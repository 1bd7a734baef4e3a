"""Mistakes in settings that started once and failed later: each stops the start with its mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.settings_files import settings_in
from unstill.cli.settings_options import settings_of
from unstill.domain.errors import BadSetting
from unstill.settings.engines import RemoteSettings
from unstill.settings.locations import line_of, place_of
from unstill.settings.reader import read_settings

DASHSCOPE = '[engines.bailian]\nkind = "dashscope"\nbase_url = "http://127.0.0.1:9/api/v1"\n'
GATEWAY = '[engines.gateway]\nkind = "openai_videos"\nbase_url = "http://127.0.0.1:9/v1"\n'


def refused(folder: Path, toml: str, **variables: str) -> str:
    with pytest.raises(BadSetting) as caught:
        settings_in(folder, toml, **variables)
    return caught.value.message


# --- what was meant ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        (
            f'{DASHSCOPE}[models."sora-2"]\nengines = ["bailain"]',
            "which is no engine; did you mean bailian? (there are bailian, camera)",
        ),
        ('[server]\ndefault_engine = "camra"', "got 'camra'; did you mean camera?"),
        ('[engines.a]\nkind = "dashcope"', "got 'dashcope'; did you mean dashscope?"),
        ('[engines.a]\nkind = "openai-videos"', "got 'openai-videos'; did you mean openai_videos?"),
        (
            '[engines.a]\nkind = "dashscope"\nbase_ur = "http://h"',
            "not a setting of unstill, did you mean engines.a.base_url?",
        ),
        (f'{GATEWAY}server = "vllm"', "got 'vllm'; did you mean vllm-omni?"),
        ('[server]\nlog_format = "JSON"', "got 'JSON'; did you mean json?"),
        ('[server]\npulic_url = "x"', "not a setting of unstill, did you mean server.public_url?"),
        ('[engine.a]\nkind = "camera"', "not a setting of unstill, did you mean engines?"),
        ("port = 8000", "port: is not a setting of unstill up here: write it under [server]"),
        ('[models."sora2"]', 'models."sora2".like: must be one of '),
        (
            '[models."sora2"]',
            "for a name of your own; there is no model sora2; did you mean sora-2?",
        ),
        ('[models."mine"]\nlike = "wan27"', "got 'wan27'; did you mean wan2.7-i2v?"),
        (
            '[models.wan2.7-i2v]\nengines = ["camera"]',
            'models.wan2.7-i2v: put the name in quotes: [models."wan2.7-i2v"]',
        ),
        ('[models.my.house.video]\nlike = "sora-2"', '[models."my.house.video"]'),
        (
            '[models.Wan-AI/Wan2.2-I2V]\nengines = ["camera"]',
            'put the name in quotes: [models."Wan-AI/Wan2.2-I2V"]',
        ),
        (
            f'{DASHSCOPE}[engines.bailian.models]\nwan2.7-i2v = "x"',
            'engines.bailian.models: put the name in quotes: "wan2.7-i2v"',
        ),
        ('[engines.my.gpu]\nkind = "camera"', "engines.my: must be named without dots, got my.gpu"),
        ("[server]\nhost = 0.0.0.0", '; a text stands in quotes: host = "..."'),
        ("[server]\nprompt_in_files = True", "; prompt_in_files = true, in small letters"),
        ("[server]\nport: 8000", "; a setting is written with =: port = ..."),
        ("[server]\nhost = \u201c0.0.0.0\u201d", "; its quotes must be plain ones"),
        ('[webhooks]\nteam.a = "http://h"', 'put the name in quotes: "team.a"'),
        (
            f'{DASHSCOPE}[models."sora-2"]\nengines = "bailian"',
            "must be a list of texts, got 'bailian'; a list of one is [\"bailian\"]",
        ),
        (f'{DASHSCOPE}models = {{ "sora2" = "x" }}', "got 'sora2'; did you mean sora-2?"),
    ],
)
def test_a_slip_of_the_pen_is_told_what_was_meant(tmp_path: Path, toml: str, said: str) -> None:
    assert said in refused(tmp_path, toml)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        (f'{DASHSCOPE}[models."sora-2"]\nengines = ["bailian", "bailian"]', "names bailian twice"),
        ('[models."sora-2"]\n[models."SORA-2"]', "is sora-2, which is there already"),
        (
            f'{DASHSCOPE}models = {{ "sora-2" = "wan2.6-i2v", "sora-2-pro" = "wan2.6-i2v" }}',
            "which is there already",
        ),
        ('[engines.none]\nkind = "camera"', 'and not "none"'),
        (
            '[engines.camera]\nkind = "dashscope"\nbase_url = "http://h"',
            "engines.camera.kind: must be camera",
        ),
        (
            '[engines.a]\nkind = "camera"\nslots = 257',
            "slots: must be a whole number from 0 to 256",
        ),
        (
            f"{DASHSCOPE}poll_interval_s = 3601",
            "must be a number from 0 to 3600, got 3601",
        ),
        (
            f"{DASHSCOPE}poll_interval_s = inf",
            "must be a number from 0 to 3600, got inf",
        ),
        (
            f"{DASHSCOPE}poll_interval_s = nan",
            "must be a number from 0 to 3600, got nan",
        ),
        (
            "[server]\nlink_hours = 87601",
            "must be a whole number from 1 to 87600, got 87601",
        ),
        (
            '[server]\nallow_networks = ["10.0.0.5/8"]',
            "10.0.0.5/8 is an address in one; did you mean 10.0.0.0/8?",
        ),
        ('[server]\nallow_networks = ["fd00::1/8"]', "did you mean fd00::/8?"),
        ('[server]\nhost = "http://0.0.0.0"', "server.host: must be a name or address alone"),
        ('[server]\nhost = "127.0.0.1:9000"', 'write host = "127.0.0.1" and port = 9000'),
        ('[server]\nhost = "[::1]:9000"', 'write host = "::1" and port = 9000'),
        ('[server]\nhost = "[::1]"', 'write host = "::1" and port = 8000'),
        ('[server]\npublic_url = "videos.example.com"', "must begin with http:// or https://"),
        (
            '[server]\npublic_url = "https://h/v1"',
            "server.public_url: must end before /v1: https://h",
        ),
        ('[server]\npublic_url = "https://h/api/v1/"', "must end before /api/v1/: https://h"),
        (
            '[server]\npublic_url = "https://h/pre/v1/videos"',
            "must end before /v1/videos: https://h/pre",
        ),
        ('[server]\npublic_url = "https://h/docs"', "must end before /docs: https://h"),
        ('[server]\npublic_url = "https://u:p@h"', "must be an address alone"),
        ('[server]\npublic_url = "https://h?a=b"', "must be an address alone"),
        ('[server]\npublic_url = "http://0.0.0.0:8000"', "an address that callers can reach"),
        ('[server]\ndata_dir = "$HOME/videos"', "server.data_dir: is a path as it stands"),
        ('[server]\ndata_dir = "~nobody-at-all/x"', "names the home of nobody here"),
    ],
)
def test_what_cannot_be_meant_stops_the_start(tmp_path: Path, toml: str, said: str) -> None:
    assert said in refused(tmp_path, toml)


def test_the_last_values_before_each_limit_are_taken(tmp_path: Path) -> None:
    toml = f"""
        [server]
        link_hours = 87600
        public_url = "https://h/prefix/"
        allow_networks = ["10.0.0.0/8", "10.0.0.5/32", "10.0.0.5"]
        [engines.a]
        kind = "camera"
        slots = 256
        {DASHSCOPE}
        poll_interval_s = 3600
    """
    settings = settings_in(tmp_path, toml)

    assert settings.server.public_url == "https://h/prefix/"
    assert len(settings.server.networks) == 3


def test_a_home_is_a_folder_of_the_person(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, '[server]\ndata_dir = "~/videos"')

    assert settings.server.data_dir == str(Path("~/videos").expanduser())
    assert "~" not in settings.server.data_dir


def test_like_and_an_engines_models_take_aliases_in_any_case(tmp_path: Path) -> None:
    toml = f"""
        {DASHSCOPE}
        models = {{ "Sora-2-Pro" = "wan2.6-i2v" }}
        [models."mine"]
        like = "sora-2"
        [models."SORA-2"]
        engines = ["bailian"]
    """
    settings = settings_in(tmp_path, toml)
    bailian = settings.engines["bailian"]

    assert isinstance(bailian, RemoteSettings)
    assert bailian.models == {"openai/sora-2/image-to-video-pro": "wan2.6-i2v"}
    assert settings.models["mine"].like == "openai/sora-2/image-to-video-pro"
    assert settings.models["sora-2"].engines == ("bailian",)


# --- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "$DASHSCOPE_API_KEY",
        "${DASHSCOPE_API_KEY}",
        "env:$DASHSCOPE_API_KEY",
        "env:${DASHSCOPE_API_KEY}",
        "env: DASHSCOPE_API_KEY",
        "ENV:DASHSCOPE_API_KEY",
        "%DASHSCOPE_API_KEY%",
        "{{ DASHSCOPE_API_KEY }}",
        "{{env.DASHSCOPE_API_KEY}}",
        "env(DASHSCOPE_API_KEY)",
        "DASHSCOPE_API_KEY",
    ],
)
def test_a_key_that_names_a_variable_in_another_syntax_is_told_ours(
    tmp_path: Path, text: str
) -> None:
    refusal = refused(tmp_path, f'{DASHSCOPE}api_key = "{text}"', DASHSCOPE_API_KEY="sk-secret")

    mend = 'names a variable: did you mean "env:DASHSCOPE_API_KEY"?'
    assert refusal == f"engines.bailian.api_key: {mend}"


@pytest.mark.parametrize("key", ["sk-1", "a.b-c_d:e", "env-key", "$2b$10$abcdefgh", "SK123", ""])
def test_a_key_is_taken_as_it_is(tmp_path: Path, key: str) -> None:
    for toml, variables in (
        (f'{DASHSCOPE}api_key = "{key}"', {}),
        (f'{DASHSCOPE}api_key = "env:A_KEY"', {"A_KEY": key or "sk"}),
    ):
        engine = settings_in(tmp_path, toml, **variables).engines["bailian"]
        assert isinstance(engine, RemoteSettings)
        assert engine.api_key == (key or ("sk" if variables else ""))


@pytest.mark.parametrize(
    "key", ["sk-sec ret", '"sk-secret"', "'sk-secret'", "sk-secret\n", "sk-secret\t", "sk-sécret"]
)
def test_a_key_with_what_no_key_has_is_refused_and_not_shown(tmp_path: Path, key: str) -> None:
    refusal = refused(tmp_path, f'{DASHSCOPE}api_key = "env:A_KEY"', A_KEY=key)

    assert refusal == (
        "engines.bailian.api_key: the environment variable A_KEY must be printable ASCII without "
        "spaces, quotes and line ends"
    )


def test_a_key_is_sent_without_its_scheme(tmp_path: Path) -> None:
    refusal = refused(tmp_path, f'{DASHSCOPE}api_key = "Bearer sk-secret"')

    assert "it must be the key alone, without the word Bearer" in refusal
    assert "secret" not in refusal


def test_an_unset_variable_is_told_the_one_that_is_set(tmp_path: Path) -> None:
    toml = f'{DASHSCOPE}api_key = "env:DASHSCOPE_KEY"'

    assert "DASHSCOPE_KEY is not set; did you mean DASHSCOPE_API_KEY?" in refused(
        tmp_path, toml, DASHSCOPE_API_KEY="sk"
    )


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("team-a:$KEY", "names a variable instead of a key"),
        ("team-a:${KEY}", "names a variable instead of a key"),
        ("$KEYS", "names a variable instead of a key"),
        ("env:MY_KEYS", "names a variable instead of a key"),
        ('team-a:"sk-secret"', "has spaces, quotes or line ends in the key of team-a"),
        ("team-a:sk secret", "has spaces, quotes or line ends in the key of team-a"),
        ("team-a:sk-secret\nteam-b:sk-2", "has spaces, quotes or line ends in the key of team-a"),
        ("team-a:sk-secret;team-b:sk-2", "must be comma-separated; it has a semicolon"),
        ("a:sk-secret,b:sk-secret", "has the key of b twice"),
    ],
)
def test_own_keys_that_no_client_can_send_stop_the_start(
    tmp_path: Path, keys: str, said: str
) -> None:
    refusal = refused(tmp_path, "", UNSTILL_API_KEYS=keys)

    assert refusal.startswith(f"UNSTILL_API_KEYS: {said}")
    assert "secret" not in refusal


# --- where it stands -----------------------------------------------------------------------------


FILE = """\
# a comment
[server]
port = 8000  # [server] = 5

[engines.bailian]
kind = "dashscope"
base_url = "http://h"

[engines.bailian.models]
"wan2.7-i2v" = "x"

[models."wan2.7-i2v"]
engines = ["bailian"]
[models.sora-2]
"""


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("server.port", 3),
        ("server.host", 2),
        ("engines.bailian.base_url", 7),
        ("engines.bailian.api_key", 5),
        ('engines.bailian.models."wan2.7-i2v"', 10),
        ("engines.bailian.models", 9),
        ('models."wan2.7-i2v".engines', 13),
        ('models."wan2.7-i2v".like', 12),
        ('models."sora-2".like', 14),
        ("webhooks.team-a", None),
        ("UNSTILL_API_KEYS", None),
        ("/some/unstill.toml", None),
    ],
)
def test_a_setting_is_found_by_its_line(setting: str, line: int | None) -> None:
    assert line_of(setting, FILE) == line


def test_the_strongest_place_of_a_setting_is_named(tmp_path: Path) -> None:
    file = tmp_path / "unstill.toml"
    file.write_text(FILE)

    def place(environment: dict[str, str], **options: object) -> str:
        return place_of("server.port", file=file, environment=environment, command_line=options)

    assert place({"UNSTILL_PORT": "1"}, port=2) == "--port"
    assert place({"UNSTILL_PORT": "1"}, port=None) == "UNSTILL_PORT"
    assert place({}) == f"{file}, line 3"
    file.unlink()
    assert place({}) == ""


def test_a_wrong_setting_is_told_with_its_place_and_the_page_about_it(tmp_path: Path) -> None:
    file = tmp_path / "unstill.toml"
    file.write_text("[server]\nlink_hours = 24\nport = 70000\n")

    with pytest.raises(BadSetting) as caught, settings_of(file):
        pass

    assert caught.value.message.endswith(f"got 70000 ({file}, line 3); see docs/settings.md")


def test_a_variable_that_is_there_and_empty_is_said_to_be_so(tmp_path: Path) -> None:
    toml = f'{DASHSCOPE}api_key = "env:A_KEY"'

    assert refused(tmp_path, toml, A_KEY="").endswith("the environment variable A_KEY is empty")
    assert "A_KEY is not set; did you mean A_KEYS?" in refused(tmp_path, toml, A_KEYS="sk-1")


# --- a file as other systems write it ------------------------------------------------------------


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"missing\.toml: cannot be read: No such file"):
        read_settings(file=tmp_path / "missing.toml", environment={}, command_line={})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_is_read_in_the_encodings_of_windows(
    tmp_path: Path, encoding: str, end: str
) -> None:
    file = tmp_path / "unstill.toml"
    file.write_bytes(f"[server]{end}port = 8123{end}".encode(encoding))

    settings = read_settings(file=file, environment={}, command_line={})

    assert settings.server.port == 8123


def test_a_file_in_another_encoding_is_told_where(tmp_path: Path) -> None:
    file = tmp_path / "unstill.toml"
    file.write_bytes(b'[server]\ndata_dir = "caf\xe9"\n')

    with pytest.raises(BadSetting, match="is not UTF-8, at byte 24: save it so"):
        read_settings(file=file, environment={}, command_line={})


def test_the_mend_of_a_line_does_not_show_its_value(tmp_path: Path) -> None:
    refusal = refused(tmp_path, f"{DASHSCOPE}api_key = sk-secret")

    assert refusal.endswith('; a text stands in quotes: api_key = "..."')
    assert "sk-secret" not in refusal
