"""The command line as a newcomer meets it: what works, what is said when something does not."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import av
import pytest

from support.servers import PHOTOS, Serving
from unstill import __version__
from unstill.models.catalogue import CARDS

PHOTO = str(PHOTOS / "chelsea.jpg")
SMALL = ("--duration", "2")  # the shortest of the default model
IN_COLOUR = "\x1b["


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "unstill", *args]


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("UNSTILL_")} | dict(variables)


def run(*args: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*args),
        cwd=cwd,
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def packets(path: Path) -> list[bytes]:
    with av.open(path) as video:
        return [bytes(packet) for packet in video.demux(video=0) if packet.size]


# --- what works -------------------------------------------------------------------------------


def test_the_version_is_one_line(tmp_path: Path) -> None:
    ran = run("--version", cwd=tmp_path)

    assert (ran.returncode, ran.stdout) == (0, f"unstill {__version__}\n")


@pytest.mark.slow
def test_the_script_and_the_module_are_the_same_program(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("unstill")
    ran = subprocess.run([script, "--version"], cwd=tmp_path, capture_output=True, check=True)

    assert ran.stdout == run("--version", cwd=tmp_path).stdout.encode()


def test_models_are_listed_with_what_they_take(tmp_path: Path) -> None:
    toml = '[models."my [red] one"]\nlike = "wan2.7-i2v"\n'
    (tmp_path / "unstill.toml").write_text(toml)
    ran = run("models", cwd=tmp_path)

    assert ran.returncode == 0
    for name in (*(card.id for card in CARDS), "my [red] one", "sora-2"):
        assert name in ran.stdout
    assert "a whole number from 2 to 15" in ran.stdout


@pytest.mark.slow
def test_doctor_tries_what_a_server_needs(tmp_path: Path) -> None:
    ran = run("doctor", cwd=tmp_path)

    assert ran.returncode == 0, ran.stdout
    assert "camera engine: rendered and checked 24 frames of 320x192" in ran.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_doctor_says_what_to_mend(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    ran = run("doctor", "--data-dir", str(file / "data"), cwd=tmp_path)

    assert ran.returncode == 1
    assert f"missing  data folder: {file}/data, {file} cannot be written to" in ran.stdout
    assert "set another --data-dir" in ran.stdout


@pytest.mark.slow
def test_generate_starts_its_own_server_and_leaves_only_the_video(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    # The settings of a server that is meant for others are in the way of nothing.
    (tmp_path / "unstill.toml").write_text('[server]\nhost = "0.0.0.0"\nport = 1\n')
    prompt = "push in, she waves"
    ran = run("generate", PHOTO, prompt, *SMALL, cwd=tmp_path, TMPDIR=str(tmp_path / "tmp"))

    assert 'unstill: no effect on this engine: "she waves"\n' in ran.stderr
    assert (ran.returncode, ran.stderr.count("Traceback")) == (0, 0)
    assert ran.stdout.startswith("out.mp4: 1168x768, 2 s, ")
    assert "100%" in ran.stderr
    assert IN_COLOUR not in ran.stdout + ran.stderr
    assert len(packets(tmp_path / "out.mp4")) == 60
    assert list((tmp_path / "tmp").iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"out.mp4", "tmp", "unstill.toml"}


@pytest.mark.slow
def test_the_same_seed_makes_the_same_video(tmp_path: Path, server: Serving) -> None:
    for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        made = ("-o", f"{name}.mp4", "--seed", seed, "--server", server.url)
        ran = run("generate", PHOTO, *SMALL, *made, cwd=tmp_path)
        assert ran.returncode == 0, ran.stderr
    a, b, c = (packets(tmp_path / f"{name}.mp4") for name in "abc")

    assert a == b
    assert a != c


@pytest.mark.slow
def test_a_last_frame_changes_the_end(tmp_path: Path, server: Serving) -> None:
    args = (*SMALL, "--seed", "7", "--server", server.url.removeprefix("http://"))
    last = ("--last-frame", str(PHOTOS / "coffee.jpg"), "-o", "[two].mp4")
    assert run("generate", PHOTO, *args, "-o", "one.mp4", cwd=tmp_path).returncode == 0
    ran = run("generate", PHOTO, *args, *last, cwd=tmp_path)

    assert ran.stdout.startswith("[two].mp4: ")
    assert packets(tmp_path / "[two].mp4") != packets(tmp_path / "one.mp4")


# --- what does not ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("no.jpg",), "no.jpg: cannot be read: No such file or directory"),
        ((PHOTO, "--last-frame", "no.jpg"), "no.jpg: cannot be read: No such file or directory"),
        ((PHOTO, "-o", "no/out.mp4"), "no/out.mp4: the folder no does not exist"),
        ((PHOTO, "-o", "clip.gif"), "clip.gif: must end in .mp4, which is what is made"),
        ((PHOTO, "no2.jpg"), "no2.jpg: cannot be read: No such file or directory"),
        ((PHOTO, "--aspect", "wide"), "--aspect must be a ratio such as 16:9, "),
        ((PHOTO, "--aspect", "1:1", "--size", "512x512"), "--size: says it all"),
        ((PHOTO, "--server", "127.0.0.1:1"), "http://127.0.0.1:1 does not answer: "),
        ((PHOTO, "--server", "http://[::1]:1"), "http://[::1]:1 does not answer: "),
        ((PHOTO, "--api-key", "sk-é", "--server", "x"), "--server or --api-key: cannot be sent"),
    ],
)
def test_generate_says_in_one_line_what_is_wrong(
    tmp_path: Path, args: tuple[str, ...], said: str
) -> None:
    ran = run("generate", *args, cwd=tmp_path)

    assert ran.returncode == 1
    assert ran.stderr.startswith(f"unstill: {said}"), ran.stderr
    assert ran.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--duration", "99"), "seconds must be a whole number from 2 to 15, got '99'"),
        (("--seed", "-2"), "seed must be "),
        (("--resolution", "999P"), "resolution must be 720P or 1080P, got '999P'"),
        (("--model", "sora-9"), "model must be one of Wan-AI/Wan2.2-I2V, openai/sora-2/"),
    ],
)
def test_generate_passes_on_what_the_server_refuses(
    tmp_path: Path, server: Serving, args: tuple[str, ...], said: str
) -> None:
    ran = run("generate", PHOTO, *args, "--server", server.url, cwd=tmp_path)

    assert ran.returncode == 1
    assert ran.stderr.startswith(f"unstill: {said}"), ran.stderr
    assert ran.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_generate_says_why_a_job_failed(tmp_path: Path, server: Serving) -> None:
    cut = tmp_path / "cut.jpg"
    cut.write_bytes((PHOTOS / "chelsea.jpg").read_bytes()[:5000])
    ran = run("generate", str(cut), *SMALL, "--server", server.url, cwd=tmp_path)

    assert ran.returncode == 1
    assert "unstill: invalid_image: input_reference: this image is cut short" in ran.stderr
    assert list(tmp_path.iterdir()) == [cut]


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that wants a key."""
    folder = tmp_path_factory.mktemp("locked")
    with Serving(folder, environment={"UNSTILL_API_KEYS": "team-a:sk-right"}) as serving:
        yield serving


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "unstill: no API key: send it as Authorization: Bearer <key>\n"),
        ({"UNSTILL_CLIENT_KEY": "sk-wrong"}, "unstill: this API key is not known here\n"),
    ],
)
def test_a_wrong_key_is_said(
    tmp_path: Path, locked: Serving, variables: dict[str, str], said: str
) -> None:
    ran = run("generate", PHOTO, "--server", locked.url, cwd=tmp_path, **variables)

    assert (ran.returncode, ran.stderr) == (1, said)


@pytest.mark.slow
def test_the_right_key_comes_from_the_environment(tmp_path: Path, locked: Serving) -> None:
    args = (*SMALL, "--server", locked.url)
    ran = run("generate", PHOTO, *args, cwd=tmp_path, UNSTILL_CLIENT_KEY="sk-right")

    assert ran.returncode == 0, ran.stderr


def test_what_is_no_unstill_server_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        args = ("--server", f"127.0.0.1:{listener.getsockname()[1]}")
        with subprocess.Popen(
            command("generate", PHOTO, *args),
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            env=environment({}),
        ) as generate:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100_000)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
            _, said = generate.communicate(timeout=20)

    assert generate.returncode == 1
    assert said.endswith(b"did not answer in JSON: is it unstill?\n"), said


# --- serve ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "variables", "said"),
    [
        ((), {"UNSTILL_PROT": "1"}, "UNSTILL_PROT: is not a setting of unstill, did you mean"),
        ((), {"UNSTILL_PORT": "x"}, "UNSTILL_PORT: must be a whole number from 0 to 65535"),
        ((), {"UNSTILL_API_KEYS": "a b:sk-1"}, "UNSTILL_API_KEYS: must be owner:key"),
        (("--config", "no.toml"), {}, "no.toml: cannot be read: No such file or directory"),
        (("--host", "0.0.0.0"), {}, "server.host: 0.0.0.0 can be reached from other machines"),
        (("--data-dir", "/proc/here", "--port", "0"), {}, "server.data_dir: /proc/here cannot"),
        (("--port", "70000"), {}, "server.port: must be a whole number from 0 to 65535"),
    ],
)
def test_serve_says_in_one_line_why_it_does_not_start(
    tmp_path: Path, args: tuple[str, ...], variables: dict[str, str], said: str
) -> None:
    ran = run("serve", *args, cwd=tmp_path, **variables)

    assert ran.returncode == 1
    assert ran.stderr.startswith(f"unstill: {said}"), ran.stderr
    assert (ran.stderr.count("\n"), ran.stdout) == (1, "")


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with Serving(tmp_path / "first", forks=False) as server:
        port = server.url.rpartition(":")[2]
        ran = run("serve", "--port", port, cwd=tmp_path)

    said = (
        f"unstill: server.port: cannot listen on 127.0.0.1 port {port}: Address already in use by"
    )
    holder = f"unstill, process {server.process.pid}; end that, or take another, such as "
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    assert ran.stderr.startswith(f"{said} {holder}"), ran.stderr
    assert ran.stderr.endswith(" (--port); see docs/settings.md\n")


@pytest.mark.slow
def test_serve_goes_on_when_nobody_can_read_its_log(tmp_path: Path) -> None:
    with (
        Path("/dev/full").open("w") as full,
        subprocess.Popen(
            command("serve", "--port", "0"),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            env=environment({}),
        ) as serving,
    ):
        assert serving.stdout is not None
        url = serving.stdout.readline().split(" is ready at ")[1].split()[0]
        ran = run("generate", PHOTO, *SMALL, "--server", url, cwd=tmp_path)
        serving.terminate()

    assert ran.returncode == 0, ran.stderr


# --- Ctrl-C -----------------------------------------------------------------------------------


def is_alive_under(folder: Path) -> bool:
    """Whether any process was started with `folder` on its command line or as its TMPDIR."""
    needle = str(folder).encode()
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue  # it ended meanwhile
        if needle in words:
            return True
    return False


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
@pytest.mark.slow
def test_an_interrupted_generate_leaves_no_process_and_no_folder(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    (tmp_path / "tmp").mkdir()
    with subprocess.Popen(
        command("generate", PHOTO, "--duration", "15", "-o", str(tmp_path / "out.mp4")),
        stderr=subprocess.PIPE,
        env=environment({"TMPDIR": str(tmp_path / "tmp")}),
        start_new_session=True,
    ) as generate:
        deadline = time.monotonic() + 20
        while not list((tmp_path / "tmp").rglob("video-1.part")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(generate.pid, number)  # as a terminal does
        began = time.monotonic()
        _, said = generate.communicate(timeout=20)

    assert time.monotonic() - began < 10
    assert (generate.returncode, b"Traceback" in said) == (status, False)
    assert list(tmp_path.rglob("*")) == [tmp_path / "tmp"]
    assert not is_alive_under(tmp_path)


def test_ctrl_c_ends_a_server_without_a_trace(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    serving.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    serving.process.wait(timeout=20)

    assert time.monotonic() - began < 10
    assert "Traceback" not in serving.log
    assert serving.end() == 130
