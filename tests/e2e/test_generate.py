"""`unstill generate` for several pictures: what is made, kept, said, and left behind."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from support.servers import PHOTOS, Serving
from unstill.cli.generate import _geometry
from unstill.domain.errors import BadField

COFFEE, CAT = str(PHOTOS / "coffee.jpg"), str(PHOTOS / "chelsea.jpg")
SMALL = ("--duration", "2", "--size", "320x256")


def run(*args: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("UNSTILL_")}
    return subprocess.run(
        [sys.executable, "-m", "unstill", "generate", *args],
        cwd=cwd,
        env=inherited | variables,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def metadata(path: Path) -> dict[str, str]:
    with av.open(path) as video:
        return dict(video.metadata)


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that keeps prompts in its files."""
    config = "[server]\nprompt_in_files = true\n"
    with Serving(tmp_path_factory.mktemp("telling"), config=config) as serving:
        yield serving


def test_several_pictures_are_made_and_one_that_fails_does_not_stop_the_others(
    server: Serving, tmp_path: Path
) -> None:
    (tmp_path / "cut.jpg").write_bytes((PHOTOS / "chelsea.jpg").read_bytes()[:5000])
    (tmp_path / "chelsea.mp4").write_bytes(b"kept")
    args = (COFFEE, "cut.jpg", CAT, "push in", *SMALL, "--seed", "7", "--server", server.url)
    ran = run(*args, cwd=tmp_path)

    assert ran.returncode == 1
    assert ran.stdout.splitlines()[0].startswith("coffee.mp4: 320x256, 2 s, ")
    assert ran.stdout.splitlines()[1].startswith("chelsea-2.mp4: 320x256, 2 s, ")
    assert all(line.endswith(', seed 7, "push in"') for line in ran.stdout.splitlines())
    assert "unstill: cut.jpg: invalid_image: " in ran.stderr
    assert "2 of 3 made, 1 failed" in ran.stderr
    assert (tmp_path / "chelsea.mp4").read_bytes() == b"kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "chelsea-2.mp4", "chelsea.mp4", "coffee.mp4", "cut.jpg",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_folder_becomes_a_folder_of_takes_of_its_own_seeds(tmp_path: Path) -> None:
    album = tmp_path / "album"
    album.mkdir()
    for name in ("coffee.jpg", "chelsea.jpg"):
        (album / name).write_bytes((PHOTOS / name).read_bytes())
    args = ("album", "-p", "push in", "-n", "2", "-o", "videos/", "--seed", "3", *SMALL, "--audio")
    ran = run(*args, cwd=tmp_path)
    videos = sorted((tmp_path / "videos").iterdir())

    assert ran.returncode == 0, ran.stderr
    assert [path.name for path in videos] == [
        "chelsea-1.mp4", "chelsea-2.mp4", "coffee-1.mp4", "coffee-2.mp4",
    ]  # fmt: skip
    for path in videos:
        told = metadata(path)
        assert told["description"] == "push in"
        assert told["unstill_seed"] == ("3" if "-1" in path.name else "4")
        assert f"Seed {told['unstill_seed']}." in told["comment"]
        assert path.stat().st_mode & 0o044  # as the umask has it, not as a temporary file's


@pytest.mark.slow
def test_a_region_is_sent_as_it_is_given_and_refused_in_the_servers_words(
    server: Serving, tmp_path: Path
) -> None:
    right = '[{"kind": "smoke", "boxes": [[0.3, 0, 0.7, 0.5]]}]'
    plain = (COFFEE, "static camera, steam rises", *SMALL, "--server", server.url, "--region")
    made, refused = (run(*plain, given, cwd=tmp_path) for given in (right, right[:-1]))

    assert made.returncode == 0, made.stderr
    assert "no effect" not in made.stderr
    job = server.http.get("/v1/jobs?limit=1").json()["data"][0]["id"]
    regions = server.http.get(f"/v1/jobs/{job}").json()["request"]["regions"]
    assert regions == [{"kind": "smoke", "boxes": [[0.3, 0.0, 0.7, 0.5]]}]
    assert refused.returncode == 1
    assert "region must be a list of at most 8 regions" in refused.stderr


@pytest.mark.slow
def test_a_random_seed_that_was_printed_makes_the_video_again(tmp_path: Path) -> None:
    first = run(CAT, "push in", *SMALL, "--no-prompt-metadata", cwd=tmp_path)
    seed = first.stdout.partition(", seed ")[2].partition(",")[0]
    again = run(CAT, "push in", *SMALL, "--seed", seed, cwd=tmp_path)

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert again.stdout.startswith("out-2.mp4: ")
    told = metadata(tmp_path / "out.mp4")
    assert "description" not in told
    assert "push in" not in str(told)
    assert told["unstill_seed"] == seed
    with av.open(tmp_path / "out.mp4") as one, av.open(tmp_path / "out-2.mp4") as two:
        assert [bytes(p) for p in one.demux(video=0)] == [bytes(p) for p in two.demux(video=0)]


@pytest.mark.slow
def test_a_server_keeps_the_prompt_out_of_its_files_unless_it_is_told(
    server: Serving, telling: Serving, tmp_path: Path
) -> None:
    for serving, name in ((server, "plain.mp4"), (telling, "told.mp4")):
        args = (CAT, "slow push in", *SMALL, "--seed", "9", "--server", serving.url, "-o", name)
        assert run(*args, cwd=tmp_path).returncode == 0
    plain, told = metadata(tmp_path / "plain.mp4"), metadata(tmp_path / "told.mp4")

    assert (plain["unstill_seed"], told["unstill_seed"]) == ("9", "9")
    assert "slow push in" not in str(plain)
    assert told["description"] == "slow push in"


@pytest.mark.parametrize(
    ("resolution", "aspect", "size"),
    [
        (None, "16:9", "1280x720"),
        (None, "9:16", "720x1280"),
        (None, "1:1", "960x960"),
        ("1080p", "16:9", "1920x1080"),
        ("480P", "4:3", "720x544"),
        (None, "4:1", "1920x480"),
        (None, "portrait", "720x1280"),
        (None, "16x9", "1280x720"),
    ],
)
def test_an_aspect_is_a_size_of_the_tiers_area(
    resolution: str | None, aspect: str, size: str
) -> None:
    assert _geometry(resolution, None, aspect) == {"size": size}


@pytest.mark.parametrize("aspect", ["4.01:1", "1:5", "9:1", "16", "16:0", "wide", ""])
def test_an_aspect_that_no_video_has_is_refused_as_at_the_server(aspect: str) -> None:
    with pytest.raises(BadField, match=r"--aspect must be a ratio such as 16:9.*from 1:4 to 4:1"):
        _geometry(None, None, aspect)


def test_a_size_or_else_a_tier_is_asked_for() -> None:
    assert _geometry(None, None, None) == {"resolution": "720P"}
    assert _geometry("480P", None, "auto") == {"resolution": "480P"}
    assert _geometry("480P", None, None) == {"resolution": "480P"}
    assert _geometry(None, "320x256", None) == {"size": "320x256"}


def test_what_had_no_effect_is_said(server: Serving, tmp_path: Path) -> None:
    args = ("--model", "happyhorse-1.0-i2v", "--negative-prompt", "rain", "--no-watermark")
    small = ("--duration", "3", "--size", "320x256")
    ran = run(CAT, *args, *small, "--server", server.url, cwd=tmp_path)

    assert ran.returncode == 0, ran.stderr
    assert "unstill: negative_prompt had no effect with happyhorse-1.0-i2v\n" in ran.stderr


def test_the_help_says_which_tiers_each_model_takes(tmp_path: Path) -> None:
    said = " ".join(run("--help", cwd=tmp_path, COLUMNS="200", TERM="dumb").stdout.split())

    assert "wan2.7-i2v: 720P or 1080P" in said
    assert "Wan-AI/Wan2.2-I2V: 480P or 720P" in said


def test_a_video_that_is_there_is_not_written_over(server: Serving, tmp_path: Path) -> None:
    (tmp_path / "cat.mp4").write_bytes(b"kept")
    args = (CAT, *SMALL, "-o", "cat.mp4", "--server", server.url)
    ran = run(*args, cwd=tmp_path)

    said = "unstill: cat.mp4: is there already: --force writes over it\n"
    assert (ran.returncode, ran.stderr) == (1, said)
    assert (tmp_path / "cat.mp4").read_bytes() == b"kept"
    assert run(*args, "--force", cwd=tmp_path).returncode == 0
    assert (tmp_path / "cat.mp4").stat().st_size > 1000


# --- what is left behind -------------------------------------------------------------------------


def processes_of(folder: Path) -> list[str]:
    """The programs that were started with `folder` in their command line or environment."""
    needle = str(folder).encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue  # it ended meanwhile
        if needle in words and process.name != str(os.getpid()):
            found.append(process.name)
    return found


@pytest.mark.slow
def test_a_killed_generate_leaves_no_server_and_no_folder(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("UNSTILL_")}
    with subprocess.Popen(
        [sys.executable, "-m", "unstill", "generate", CAT, "--duration", "15"],
        cwd=tmp_path,
        env=inherited | {"TMPDIR": str(temporary)},
        stderr=subprocess.DEVNULL,
    ) as generate:
        deadline = time.monotonic() + 60
        while not list(temporary.rglob("video-1.part")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        generate.send_signal(signal.SIGKILL)
        generate.wait(timeout=10)
    deadline = time.monotonic() + 60
    while left := processes_of(temporary) + [each.name for each in temporary.iterdir()]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def test_without_a_folder_for_temporary_files_one_line_says_so(tmp_path: Path) -> None:
    # Where nothing can be written, whoever asks: no file may have a byte.
    program = f"ulimit -f 0; exec {shlex.join([sys.executable, '-m', 'unstill', 'generate', CAT])}"
    ran = subprocess.run(
        ["bash", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    said = "unstill: no folder for temporary files can be written to: set TMPDIR to one\n"
    assert (ran.returncode, ran.stderr) == (1, said)


@pytest.mark.slow
def test_a_server_of_ones_own_takes_no_part_in_the_fleet_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "unstill.toml").write_text(
        "[server]\n"
        'database = "postgresql://unstill@127.0.0.1:1/unstill"\n'
        'files = "s3://bucket"\n'
        'file_delivery = "redirect"\n'
        'files_public_url = "https://files.example.com"\n'
    )

    ran = run(COFFEE, *SMALL, cwd=tmp_path)

    assert ran.returncode == 0, ran.stderr
    assert len(list(tmp_path.glob("*.mp4"))) == 1
