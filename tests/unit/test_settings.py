"""Settings: where each comes from, which source is stronger, and how a wrong one is named."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.settings_files import read_in, refused_in
from unstill.domain.errors import BadSetting
from unstill.settings.engines import (
    HOSTED,
    CameraSettings,
    ComfyUiSettings,
    DiffusersSettings,
    OpenAiVideosSettings,
    RemoteSettings,
)
from unstill.settings.reader import Settings, read_settings
from unstill.settings.server import ServerSettings
from unstill.settings.tables import converted
from unstill.upstreams.vocabulary import OwnWords

VALUES = {  # setting: as text in the environment, in the file, and as it is read
    "host": ("::1", '"::1"', "::1"),
    "port": ("9001", "9001", 9001),
    # What else these two may be needs a bucket: it is tried below.
    "file_delivery": ("proxy", '"proxy"', "proxy"),
    "files_public_url": ("", '""', ""),
    "public_url": ("https://v.example.com", '"https://v.example.com"', "https://v.example.com"),
    "data_dir": ("/srv/videos", '"/srv/videos"', "/srv/videos"),
    "allow_networks": (
        "10.0.0.0/8, fd00::/8",
        '["10.0.0.0/8", "fd00::/8"]',
        ("10.0.0.0/8", "fd00::/8"),
    ),
    "proxy": ("http://u:p@proxy:3128", '"http://u:p@proxy:3128"', "http://u:p@proxy:3128"),
    "trusted_proxies": (
        "127.0.0.0/8, fd00::/8",
        '["127.0.0.0/8", "fd00::/8"]',
        ("127.0.0.0/8", "fd00::/8"),
    ),
    "metrics_networks": ("10.1.0.0/16", '["10.1.0.0/16"]', ("10.1.0.0/16",)),
    "cors_origins": (
        "http://localhost:3000,https://[::1]:8443",
        '["http://localhost:3000", "https://[::1]:8443"]',
        ("http://localhost:3000", "https://[::1]:8443"),
    ),
    "default_engine": ("none", '"none"', "none"),
    "videos_states": ("openai", '"openai"', "openai"),
    "link_hours": ("48", "48", 48),
    "prompt_in_files": ("true", "true", True),
    "least_free_mb": ("1000", "1000", 1000),
    "most_data_mb": ("50000", "50000", 50_000),
    "keep_videos_days": ("30", "30", 30.0),
    "keep_pictures_days": ("0.5", "0.5", 0.5),
    "keep_rows_days": ("365", "365.0", 365.0),
    "files": ("s3://videos/unstill", '"s3://videos/unstill"', "s3://videos/unstill"),
    "database": ("postgres://u:p@db/jobs", '"postgres://u:p@db/jobs"', "postgres://u:p@db/jobs"),
    "connections": ("2000", "2000", 2000),
    "connections_per_address": ("50", "50", 50),
    "connections_per_owner": ("300", "300", 300),
    "waiting_per_address": ("20", "20", 20),
    "waiting_per_owner": ("200", "200", 200),
    "open_bodies_mib": ("512", "512", 512),
    "open_bodies_mib_per_address": ("32", "32", 32),
    "open_bodies_mib_per_owner": ("128", "128", 128),
    "open_uploads_mib": ("80", "80", 80),
    "large_bodies": ("4", "4", 4),
    "downloads": ("500", "500", 500),
    "downloads_per_address": ("20", "20", 20),
    "downloads_per_owner": ("100", "100", 100),
    "pictures": ("32", "32", 32),
    "pictures_per_owner": ("8", "8", 8),
    "head_within_s": ("20", "20.0", 20.0),
    "body_piece_within_s": ("30", "30.0", 30.0),
    "untaken_within_s": ("90", "90.0", 90.0),
    "kept_alive_s": ("120", "120.0", 120.0),
    "log_format": ("json", '"json"', "json"),
    "traces": ("otlp", '"otlp"', "otlp"),
}


def test_without_anything_said_a_laptop_can_serve() -> None:
    settings = read_settings(file=None, environment={}, command_line={})

    assert settings == Settings(server=ServerSettings(host="127.0.0.1", port=8000))
    assert settings.api_keys == {}


def test_every_setting_of_the_server_is_tried_here() -> None:
    assert set(VALUES) == set(ServerSettings.__struct_fields__)


@pytest.mark.parametrize("name", VALUES)
def test_each_setting_can_stand_in_the_file(tmp_path: Path, name: str) -> None:
    _, in_file, expected = VALUES[name]

    settings = read_in(tmp_path, f"[server]\n{name} = {in_file}\n")

    assert getattr(settings.server, name) == expected


@pytest.mark.parametrize("name", VALUES)
def test_each_setting_can_stand_in_the_environment(tmp_path: Path, name: str) -> None:
    text, _, expected = VALUES[name]

    settings = read_in(tmp_path, environment={f"UNSTILL_{name.upper()}": text})

    assert getattr(settings.server, name) == expected


def test_the_command_line_beats_the_environment_and_that_the_file(tmp_path: Path) -> None:
    toml = '[server]\nhost = "localhost"\nport = 1\ndata_dir = "file"\n'
    environment = {"UNSTILL_PORT": "2", "UNSTILL_DATA_DIR": "environment"}

    settings = read_in(tmp_path, toml, environment, data_dir="command-line", host=None)

    server = settings.server
    assert (server.host, server.port, server.data_dir) == ("localhost", 2, "command-line")


@pytest.mark.parametrize("toml", ['"*"', '["*"]'])
def test_any_page_may_be_let_in(tmp_path: Path, toml: str) -> None:
    for settings in (
        read_in(tmp_path, f"[server]\ncors_origins = {toml}"),
        read_in(tmp_path, environment={"UNSTILL_CORS_ORIGINS": "*"}),
    ):
        assert settings.server.cors_origins == ("*",)


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ("https://a.example/", "a browser sends https://a.example: write it so, got"),
        ("https://a.example/app", "a browser sends https://a.example: write it so"),
        ("https://A.example", "a browser sends https://a.example: write it so"),
        ("https://a.example:443", "a browser sends https://a.example: write it so"),
        ("http://a.example:80/", "a browser sends http://a.example: write it so"),
        ("a.example", "must be origins as browsers send them, such as http://localhost:3000, got"),
        ("localhost:3000", "must be origins as browsers send them"),
        ("null", "must be origins as browsers send them"),
        ("https://*.example.com", "must be origins as browsers send them"),
        ("http://a.example,*", 'must be "*" alone, or a list without it'),
    ],
)
def test_an_origin_that_no_browser_sends_stops_the_start(
    tmp_path: Path, origin: str, said: str
) -> None:
    refusal = refused_in(tmp_path, environment={"UNSTILL_CORS_ORIGINS": origin})

    assert refusal.startswith(f"server.cors_origins: {said}")


def test_other_programs_variables_are_nobodys_business(tmp_path: Path) -> None:
    environment = {"PORT": "1", "UNSTILLED": "x", "UNSTILL_CLIENT_KEY": "sk-1"}

    assert read_in(tmp_path, environment=environment) == Settings()


def test_networks_come_as_networks(tmp_path: Path) -> None:
    settings = read_in(tmp_path, environment={"UNSTILL_ALLOW_NETWORKS": "10.0.0.0/8, fd00::/8,"})

    assert settings.server.networks == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    assert settings.server.proxy_networks == ()


def test_the_networks_of_proxies_come_as_networks_too(tmp_path: Path) -> None:
    settings = read_in(tmp_path, environment={"UNSTILL_TRUSTED_PROXIES": "127.0.0.0/8,::1"})

    assert settings.server.proxy_networks == (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def test_engines_and_models_come_from_the_file(tmp_path: Path) -> None:
    toml = """
        [engines.night]
        kind = "camera"
        slots = 3
        [models."my-sora"]
        like = "openai/sora-2/image-to-video-pro"
        engines = ["bailian", "gpu1"]
        [models."wan2.7-i2v"]
        engines = ["night", "bailian"]
        [engines.bailian]
        kind = "dashscope"
        base_url = "https://dashscope.aliyuncs.com/api/v1"
        api_key = "env:DASHSCOPE_API_KEY"
        models = { "Wan-AI/Wan2.2-I2V" = "wan2.2-i2v-flash" }
        [engines.gpu1]
        kind = "openai_videos"
        server = "sglang"
        base_url = "http://gpu1:30000/v1"
        free_to_repeat = true
        poll_interval_s = 0.5
    """
    settings = read_in(tmp_path, toml, {"DASHSCOPE_API_KEY": "sk-paid"})

    assert settings.engines["night"] == CameraSettings(slots=3)
    assert settings.engines["bailian"] == HOSTED["dashscope"](
        base_url="https://dashscope.aliyuncs.com/api/v1",
        api_key="sk-paid",
        models={"Wan-AI/Wan2.2-I2V": "wan2.2-i2v-flash"},
    )
    assert settings.engines["gpu1"] == OpenAiVideosSettings(
        base_url="http://gpu1:30000/v1",
        server="sglang",
        free_to_repeat=True,
        poll_interval_s=0.5,
    )
    assert settings.models["my-sora"].like == "openai/sora-2/image-to-video-pro"
    assert settings.models["my-sora"].engines == ("bailian", "gpu1")
    assert settings.models["wan2.7-i2v"].engines == ("night", "bailian")


WORDS_FILE = """
[engines.gpu]
kind = "openai_videos"
base_url = "http://gpu1:8000/v1"
[engines.gpu.words]
"""


def test_a_servers_own_words_are_read(tmp_path: Path) -> None:
    file = tmp_path / "unstill.toml"
    file.write_text(WORDS_FILE + 'succeeded = ["klar"]\nid = ["ticket.nr"]\n')

    settings = read_settings(file=file, environment={}, command_line={})

    engine = settings.engines["gpu"]
    assert isinstance(engine, RemoteSettings)
    assert engine.words == OwnWords(succeeded=("klar",), id=("ticket.nr",))


@pytest.mark.parametrize(
    ("line", "setting", "said"),
    [
        ('succeeded = "klar"', "succeeded", "must be a list of texts"),
        ('succeeded = [" "]', "succeeded", "got an empty one"),
        ('succeeded = ["In Arbeit"]\nfailed = ["in-arbeit"]', "failed", "is in succeeded too"),
        ('id = ["a..b"]', "id", "joined by dots"),
        ('link = [""]', "link", "joined by dots"),
        ('suceeded = ["klar"]', "suceeded", "did you mean engines.gpu.words.succeeded?"),
    ],
)
def test_words_that_cannot_work_stop_the_start_by_their_name(
    line: str, setting: str, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "unstill.toml"
    file.write_text(WORDS_FILE + line + "\n")

    with pytest.raises(BadSetting, match=re.escape(f"engines.gpu.words.{setting}")) as caught:
        read_settings(file=file, environment={}, command_line={})

    assert said in caught.value.message


@pytest.mark.parametrize(
    "proxy",
    [
        "proxy:3128",
        "socks5://proxy:1080",
        "http://",
        "http://proxy:99999",
        "http://p:1/path?x=s3cret",
        "http://s3cret@:3128",
        "s3cret@proxy:3128",
        "http://u:s3cret@pro xy",
    ],
)
def test_a_proxy_that_is_none_stops_the_start_without_showing_it(
    proxy: str, tmp_path: Path
) -> None:
    file = tmp_path / "unstill.toml"
    file.write_text(
        f'[engines.gpu]\nkind = "openai_videos"\nbase_url = "http://g/v1"\nproxy = "{proxy}"\n'
    )

    with pytest.raises(BadSetting, match=re.escape("engines.gpu.proxy")) as caught:
        read_settings(file=file, environment={}, command_line={})

    assert "s3cret" not in caught.value.message
    for told in (
        refused_in(tmp_path, f'[server]\nproxy = "{proxy}"\n'),
        refused_in(tmp_path, environment={"UNSTILL_PROXY": proxy}),
    ):
        assert "must be http://host:port, also with user:password@ before host" in told
        assert "s3cret" not in told


def test_an_engine_may_go_past_the_servers_proxy_and_a_server_may_not(tmp_path: Path) -> None:
    engine = '[engines.gpu]\nkind = "openai_videos"\nbase_url = "http://g/v1"\nproxy = "direct"\n'

    assert read_in(tmp_path, engine, {"UNSTILL_PROXY": "http://p:1"}).server.proxy == "http://p:1"
    assert "UNSTILL_PROXY: must be" in refused_in(tmp_path, environment={"UNSTILL_PROXY": "direct"})


KINDS = (CameraSettings, DiffusersSettings, OpenAiVideosSettings, ComfyUiSettings)
NAMES = [
    *VALUES,
    *(field for kind in KINDS for field in kind.__struct_fields__),
    *("server", "engines", "models", "webhooks", "kind", "like", "a", "a.b", "7-i2v", "camera"),
]
LEAVES = st.sampled_from(
    [
        0,
        -1,
        300,
        10**30,
        1.5,
        float("nan"),
        True,
        "",
        "x",
        "camera",
        "dashscope",
        "*",
        [],
        ["x"],
        [1],
    ]
)
TABLES = st.recursive(
    LEAVES, lambda each: st.dictionaries(st.sampled_from(NAMES), each, max_size=4)
)
DOCUMENTS = st.dictionaries(
    st.sampled_from(["server", "engines", "models", "webhooks", "x.y"]), TABLES, max_size=3
)


def told(document: dict[str, object]) -> BadSetting | None:
    try:
        converted(Settings, document, "")
    except BadSetting as refusal:
        return refusal
    return None


@given(DOCUMENTS)
def test_whatever_stands_in_a_file_is_taken_or_refused_by_its_name(
    document: dict[str, object],
) -> None:
    refusal = told(document)

    assert refusal is None or refusal.setting.startswith(tuple(document))
