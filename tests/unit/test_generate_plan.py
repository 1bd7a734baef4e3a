"""What `generate` makes of its arguments: pictures, a prompt, and names of files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest

from unstill.cli.generate_plan import Take, kept, takes_of, target_of, wanted
from unstill.domain.errors import BadSetting

PICTURES = ("a.jpg", "b.PNG", "c.webp", "trip/d.heic", "trip/e.jpeg", "trip/.hidden.jpg")


@pytest.fixture
def album(tmp_path: Path) -> Iterator[Path]:
    """A folder with pictures and other things, which the command is started in."""
    for name in (*PICTURES, "notes.txt", "trip/notes.txt", "odd"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    with chdir(tmp_path):
        yield tmp_path


@pytest.mark.usefixtures("album")
@pytest.mark.parametrize(
    ("sources", "pictures", "prompt"),
    [
        (["a.jpg"], ["a.jpg"], ""),
        (["a.jpg", "push in"], ["a.jpg"], "push in"),
        (["a.jpg", "push"], ["a.jpg"], "push"),
        (["a.jpg", ""], ["a.jpg"], ""),
        (["a.jpg", "what is there? rain*"], ["a.jpg"], "what is there? rain*"),
        (["a.jpg", "pan left/right, v1.5"], ["a.jpg"], "pan left/right, v1.5"),
        (["a.jpg", "推近" * 2000], ["a.jpg"], "推近" * 2000),
        (["a.jpg", "b.PNG"], ["a.jpg", "b.PNG"], ""),
        (["a.jpg", "b.PNG", "push in"], ["a.jpg", "b.PNG"], "push in"),
        (["a.jpg", "odd"], ["a.jpg", "odd"], ""),  # a file, whatever its name
        (["trip"], ["trip/d.heic", "trip/e.jpeg"], ""),
        (["trip", "trip/d.heic", "./trip/e.jpeg"], ["trip/d.heic", "trip/e.jpeg"], ""),
        (["*.jpg"], ["a.jpg"], ""),
        (["**/*.j*g"], ["a.jpg", "trip/e.jpeg"], ""),
        (["?.*", "push in"], ["a.jpg", "b.PNG", "c.webp"], "push in"),
    ],
)
def test_files_folders_and_patterns_are_pictures_and_the_last_word_may_be_the_prompt(
    sources: list[str], pictures: list[str], prompt: str
) -> None:
    found = wanted(sources, None)

    assert ([str(each) for each in found.pictures], found.prompt) == (pictures, prompt)


@pytest.mark.usefixtures("album")
@pytest.mark.parametrize(
    ("sources", "prompt", "said"),
    [
        (["no.jpg"], None, "no.jpg: cannot be read: No such file or directory"),
        (["a.jpg", "no.jpg"], None, "no.jpg: cannot be read: No such file or directory"),
        (["a.jpg", "no.HEIC"], None, "no.HEIC: cannot be read"),
        (
            ["a.jpg", "push", "in"],
            None,
            "push: cannot be read: No such file or directory; a prompt",
        ),
        (["push in"], None, "push in: cannot be read: No such file or directory; a prompt goes"),
        (["a.jpg", "push in"], "pull out", "push in: cannot be read"),
        (["empty"], None, "empty: is a folder without pictures (.avif"),
        (["a.jpg", "empty"], None, "empty: is a folder without pictures"),
        (["a.jpg", "x*.jpg"], None, "x*.jpg: matches no picture"),
        (["*.txt"], None, "*.txt: matches no picture"),
        (["", "push in"], None, "a picture's name: is empty"),
    ],
)
def test_what_is_no_picture_and_no_prompt_is_named(
    sources: list[str], prompt: str | None, said: str
) -> None:
    with pytest.raises(BadSetting) as refused:
        wanted(sources, prompt)

    assert refused.value.message.startswith(said)


# --- names ---------------------------------------------------------------------------------------


def names(
    output: str | None, *pictures: str, times: int = 1, force: bool = False
) -> list[tuple[str, int]]:
    paths = [Path(picture) for picture in pictures]
    takes = takes_of(paths, target_of(output, paths), times=times, first_seed=7, force=force)
    return [(str(take.out), take.seed) for take in takes]


@pytest.mark.usefixtures("album")
@pytest.mark.parametrize(
    ("output", "pictures", "times", "expected"),
    [
        (None, ["a.jpg"], 1, ["out.mp4"]),
        (None, ["a.jpg"], 2, ["out-1.mp4", "out-2.mp4"]),
        (None, ["a.jpg", "b.PNG"], 1, ["a.mp4", "b.mp4"]),
        (None, ["a.jpg", "trip/a.png"], 1, ["a.mp4", "a-2.mp4"]),
        (None, ["a.jpg", "b.PNG"], 2, ["a-1.mp4", "a-2.mp4", "b-1.mp4", "b-2.mp4"]),
        ("cat.mp4", ["a.jpg"], 1, ["cat.mp4"]),
        ("cat.MP4", ["a.jpg"], 1, ["cat.MP4"]),
        ("cat.v2.mp4", ["a.jpg"], 2, ["cat.v2-1.mp4", "cat.v2-2.mp4"]),
        ("trip", ["a.jpg"], 1, ["trip/a.mp4"]),
        (".", ["a.jpg", "b.PNG"], 1, ["a.mp4", "b.mp4"]),
        ("new/one/", ["a.jpg"], 1, ["new/one/a.mp4"]),
    ],
)
def test_videos_are_named_by_the_person_or_by_their_pictures(
    output: str | None, pictures: list[str], times: int, expected: list[str]
) -> None:
    made = names(output, *pictures, times=times)

    assert [name for name, _ in made] == expected
    assert [seed for _, seed in made] == [*range(7, 7 + times)] * len(pictures)


def test_nothing_is_written_over_unasked(album: Path) -> None:
    for name in ("out.mp4", "out-2.mp4", "a.mp4", "cat.mp4", "dog-2.mp4"):
        (album / name).write_bytes(b"kept")

    assert names(None, "a.jpg") == [("out-3.mp4", 7)]
    assert [name for name, _ in names(None, "a.jpg", "b.PNG")] == ["a-2.mp4", "b.mp4"]
    for output, times in (("cat.mp4", 1), ("dog.mp4", 2)):
        with pytest.raises(BadSetting, match="is there already: --force writes over it"):
            names(output, "a.jpg", times=times)
    assert names("cat.mp4", "a.jpg", force=True) == [("cat.mp4", 7)]
    assert names(None, "a.jpg", force=True) == [("out.mp4", 7)]


@pytest.mark.parametrize("output", ["clip.gif", "clip.webm", "clip.mov", "clip.mp4.part", "clip"])
def test_only_an_mp4_is_called_so(album: Path, output: str) -> None:
    with pytest.raises(BadSetting, match=r"must end in \.mp4"):
        names(output, "a.jpg")
    assert not (album / output).exists()


@pytest.mark.usefixtures("album")
@pytest.mark.parametrize(
    ("output", "pictures", "said"),
    [
        ("cat.mp4", ["a.jpg", "b.PNG"], "cat.mp4: is one file for several pictures"),
        ("no/cat.mp4", ["a.jpg"], "no/cat.mp4: the folder no does not exist"),
        ("a.jpg/", ["a.jpg"], "a.jpg: cannot be made: File exists"),
    ],
)
def test_a_place_where_videos_cannot_go_is_named(
    output: str, pictures: list[str], said: str
) -> None:
    with pytest.raises(BadSetting) as refused:
        names(output, *pictures)

    assert refused.value.message.startswith(said)


def test_a_file_that_came_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    take = Take(Path("a.jpg"), tmp_path / "out.mp4", seed=1)
    take.out.write_bytes(b"another's")
    part = tmp_path / "part"

    for force, expected in ((False, "out-2.mp4"), (False, "out-3.mp4"), (True, "out.mp4")):
        part.write_bytes(b"ours")
        if expected == "out-2.mp4":
            assert take.out.read_bytes() == b"another's"
        assert kept(part, take, force=force) == tmp_path / expected
        assert (tmp_path / expected).read_bytes() == b"ours"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out-2.mp4", "out-3.mp4", "out.mp4"]


@pytest.mark.parametrize("seed", [-2, 2_147_483_648])
def test_a_seed_that_is_none_is_the_servers_to_refuse(seed: int) -> None:
    paths = [Path("a.jpg")]
    (take,) = takes_of(paths, target_of(None, paths), times=1, first_seed=seed, force=True)

    assert take.seed == seed


def test_the_last_seed_is_followed_by_the_first() -> None:
    paths = [Path("a.jpg")]
    last = 2_147_483_647
    takes = takes_of(paths, target_of(None, paths), times=3, first_seed=last, force=True)

    assert [take.seed for take in takes] == [last, 0, 1]


@pytest.mark.parametrize("name", ["clip.mp4", "clip.MP4", "clip.Mp4"])
def test_a_file_has_the_name_that_was_asked_for(tmp_path: Path, name: str) -> None:
    paths = [Path("a.jpg")]
    target = target_of(str(tmp_path / name), paths)
    takes = takes_of(paths, target, times=1, first_seed=1, force=False)

    assert [take.out for take in takes] == [tmp_path / name]


@pytest.mark.parametrize("address", ["http://example.com/cat.jpg", "HTTPS://example.com/cat.jpg"])
def test_an_address_is_no_file_and_said_to_be_one(address: str) -> None:
    with pytest.raises(BadSetting, match="is an address: save the picture") as refused:
        wanted([address], "push in")

    assert refused.value.message.startswith(address)
