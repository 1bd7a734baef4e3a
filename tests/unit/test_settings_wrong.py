"""Wrong settings, of the environment and of the file, are named with what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.settings_files import refused_in

REMOTE = '[engines.a]\nkind = "dashscope"\nbase_url = "http://a/api/v1"\n'


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"UNSTILL_PROT": "1"}, "UNSTILL_PROT: is not a setting of unstill, did you mean"),
        ({"UNSTILL_PROT": "1"}, "did you mean UNSTILL_PORT?"),
        ({"UNSTILL_API_KEY": "sk-1"}, "did you mean UNSTILL_API_KEYS?"),
        ({"UNSTILL_ZZZ": "1"}, "UNSTILL_ZZZ: is not a setting of unstill"),
        (
            {"UNSTILL_PORT": "eighty"},
            "UNSTILL_PORT: must be a whole number from 0 to 65535",
        ),
        ({"UNSTILL_PORT": ""}, "must be a whole number from 0 to 65535, got ''"),
        (
            {"UNSTILL_PORT": "65536"},
            "must be a whole number from 0 to 65535, got '65536'",
        ),
        ({"UNSTILL_LOG_FORMAT": "xml"}, "UNSTILL_LOG_FORMAT: must be console or json, got 'xml'"),
        ({"UNSTILL_ALLOW_NETWORKS": "10.0.0.1/8"}, "server.allow_networks: must be CIDRs: "),
        ({"UNSTILL_METRICS_NETWORKS": "10.0.0.1/8"}, "server.metrics_networks: must be CIDRs: "),
        ({"UNSTILL_ALLOW_NETWORKS": "home"}, "server.allow_networks: must be CIDRs: 'home'"),
        ({"UNSTILL_TRUSTED_PROXIES": "10.0.0.1/8"}, "server.trusted_proxies: must be CIDRs: "),
        ({"UNSTILL_TRUSTED_PROXIES": "*"}, "server.trusted_proxies: must be CIDRs: '*'"),
        ({"UNSTILL_DATA_DIR": " "}, "server.data_dir: must not be empty"),
        ({"UNSTILL_HOST": ""}, "server.host: must not be empty"),
        ({"UNSTILL_DEFAULT_ENGINE": "gpu"}, "server.default_engine: must be one of camera"),
        ({"UNSTILL_LINK_HOURS": "0"}, "UNSTILL_LINK_HOURS: must be a whole number from 1 to 87600"),
        ({"UNSTILL_LEAST_FREE_MB": "-1"}, "must be a whole number, 0 or more, got '-1'"),
        ({"UNSTILL_PUBLIC_URL": "videos.example.com"}, "server.public_url: must begin with http"),
    ],
)
def test_a_wrong_variable_is_named(
    tmp_path: Path, environment: dict[str, str], message: str
) -> None:
    assert message in refused_in(tmp_path, environment=environment)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[server]\nprot = 1", "server.prot: is not a setting of unstill, did you mean"),
        ("[sever]\nport = 1", "sever: is not a setting of unstill, did you mean server?"),
        ("server = 5", "server: must be a table, got 5"),
        ("engines = 5", "engines: must be a table, got 5"),
        ("models = []", "models: must be a table, got a list of 0"),
        ('[server]\nport = "x"', "server.port: must be a whole number from 0 to 65535, got 'x'"),
        ("[server]\nport = 1.5", "server.port: must be a whole number from 0 to 65535, got 1.5"),
        ("[server]\nport = true", "server.port: must be a whole number from 0 to 65535, got true"),
        ("[server]\nport = -1", "server.port: must be a whole number from 0 to 65535, got -1"),
        ("[server]\nhost = 5", "server.host: must be text, got 5"),
        ('[server]\nallow_networks = "10.0.0.0/8"', "server.allow_networks: must be a list of"),
        ("[server]\nallow_networks = [5]", "server.allow_networks: must be a list of texts"),
        ('[server]\nvideos_states = "a"', "server.videos_states: must be auto or openai or"),
        ('api_keys = ["sk-secret"]', "api_keys: keys come from the environment only"),
        ('[server]\napi_keys = "sk-secret"', "api_keys: keys come from the environment only"),
        ("[engines.a]", "engines.a.kind: must be camera or diffusers or"),
        ('[engines.a]\nkind = "wan"', "or comfyui, got 'wan'"),
        ('[engines.a]\nkind = "dashscope"', "engines.a.base_url: is needed"),
        (f'{REMOTE}server = "sglang"', "engines.a.server: is of kind openai_videos only"),
        (f"{REMOTE}fps = 16", "engines.a.fps: is of kind diffusers or comfyui only"),
        (f'{REMOTE}graph = "g.json"', "engines.a.graph: is of kind comfyui only"),
        (f'{REMOTE}api_key = "env:NO_SUCH_KEY"', "engines.a.api_key: the environment variable NO_"),
        (f"{REMOTE}api_key = 5", "engines.a.api_key: must be text, got 5"),
        (f"{REMOTE}free_to_repeat = 3", "engines.a.free_to_repeat: must be true or false, got 3"),
        (f"{REMOTE}poll_interval_s = -1", "must be a number from 0 to 3600, got -1"),
        (f'{REMOTE}models = "all"', "engines.a.models: must be a table, got 'all'"),
        (f'{REMOTE}models = {{ sora = "x" }}', 'engines.a.models."sora": must be one of'),
        (f"{REMOTE}slots = 2", "engines.a.slots: is of kind camera only"),
        (
            f'{REMOTE}[models."wan2.7-i2v"]\nengines = ["a", "camera"]',
            'models."wan2.7-i2v".engines: camera may only come first',
        ),
        ("[engines]\na = 5", "engines.a: must be a table, got 5"),
        ('[engines.a]\nkind = "camera"\nslot = 1', "engines.a.slot: is not a setting of unstill"),
        ('[engines.a]\nkind = "camera"\nslots = -1', "a whole number from 0 to 256, got -1"),
        ('[engines.a]\nkind = "camera"\nslots = "all"', "engines.a.slots: must be a whole number"),
        ('[engines."a b"]\nkind = "camera"', "engines.a b: must be named in letters"),
        ('[models."m"]', 'models."m".like: must be one of Wan-AI/Wan2.2-I2V, '),
        ('[models."m"]\nlike = "sora-3"', "got 'sora-3'"),
        ('[models."m"]\nlikes = "x"', 'models."m".likes: is not a setting of unstill, did you'),
        ('[models."sora-2"]\nlike = "wan2.7-i2v"', "sora-2 is one of unstill's own names"),
        ('[models."SORA-2"]\nlike = "wan2.7-i2v"', "SORA-2 is one of unstill's own names"),
        ('[models."wan2.7-i2v"]\nengines = ["gpu"]', "engines: names 'gpu', which is no engine"),
        ("[models]\nm = 5", 'models."m": must be a table, got 5'),
        ("[server\n", "unstill.toml: is not TOML: "),
        (f"[server]\nport = {'9' * 5000}", "unstill.toml: has a number without end"),
        (f"a = {'[' * 5000}", "unstill.toml: is nested too deeply"),
    ],
)  # fmt: skip
def test_a_wrong_setting_in_the_file_is_named(tmp_path: Path, toml: str, message: str) -> None:
    refusal = refused_in(tmp_path, toml)

    assert message in refusal
    assert "secret" not in refusal
