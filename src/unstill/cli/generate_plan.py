"""What `unstill generate` is to make: which pictures, what should happen, and the files' names."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import msgspec

from unstill.domain.errors import BadSetting

VIDEO_SUFFIX = ".mp4"
DEFAULT_STEM = "out"
# They end files of the formats in media/picture_formats.py, and some that people expect to be told
# about.
PICTURE_SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".bmp",
        ".gif",
        ".avif",
        ".heic",
        ".heif",
        ".tif",
        ".tiff",
    ]
)
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
MOST_SEED = 2_147_483_647  # Modelverse and DashScope, parameters.seed


class Take(msgspec.Struct, frozen=True):
    """One video to make."""

    picture: Path
    out: Path
    seed: int


class TakeInputs(msgspec.Struct, frozen=True):
    """The pictures, each once, and the prompt, as they were given."""

    pictures: tuple[Path, ...]
    prompt: str


def wanted(sources: Sequence[str], prompt: str | None) -> TakeInputs:
    """Files, folders and patterns; without `prompt`, the last may be the prompt itself.

    A last argument is a prompt where nothing is there by its name and it is no picture's name. A
    second picture is never taken for one. Raises BadSetting.
    """
    last = sources[-1]
    if prompt is None and len(sources) > 1 and not _is_there(last) and not _names_picture(last):
        sources, prompt = sources[:-1], last
    found = (picture for source in sources for picture in _pictures(source))
    # A picture that is named twice, or lies in a folder that is named too, is made once.
    pictures = {picture.resolve(): picture for picture in found}
    return TakeInputs(tuple(pictures.values()), prompt or "")


def _is_there(source: str) -> bool:
    if not source.strip():  # to Path it would be the folder here
        return False
    try:
        return Path(source).exists() or bool(_matches(source))
    except (OSError, ValueError):  # too long for a name, or with a NUL
        return False


def _matches(pattern: str) -> list[Path]:
    found = glob.glob(pattern, recursive=True)  # noqa: PTH207  - Path's takes no absolute one
    return sorted(map(Path, found))


def _names_picture(source: str) -> bool:
    return Path(source).suffix.lower() in PICTURE_SUFFIXES


def _pictures(source: str) -> Iterator[Path]:
    if not source.strip():
        raise BadSetting("a picture's name", "is empty")
    if _ADDRESS.match(source):
        raise BadSetting(source, "is an address: save the picture, and name the file")
    path = Path(source)
    if path.is_dir():
        yield from _in_folder(path)
    elif path.exists() or not glob.has_magic(source):
        yield _readable(path)
    else:
        files = [m for m in _matches(source) if m.is_file() and _names_picture(m.name)]
        if not files:
            raise BadSetting(source, "matches no picture")
        yield from files


def _in_folder(folder: Path) -> list[Path]:
    try:
        files = [each for each in folder.iterdir() if each.is_file()]
    except OSError as error:
        raise BadSetting(str(folder), f"cannot be read: {error.strerror}") from error
    pictures = [f for f in files if _names_picture(f.name) and not f.name.startswith(".")]
    if not pictures:
        allowed = " ".join(sorted(PICTURE_SUFFIXES))
        raise BadSetting(str(folder), f"is a folder without pictures ({allowed})")
    return sorted(pictures)


def _readable(path: Path) -> Path:
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        mend = "" if _names_picture(path.name) else "; a prompt goes behind the pictures, in quotes"
        raise BadSetting(str(path), f"cannot be read: {error.strerror}{mend}") from error
    except ValueError as error:
        raise BadSetting("a picture's name", "has a character that no name has") from error


# --- the files -----------------------------------------------------------------------------------


class Target(msgspec.Struct, frozen=True):
    """Where videos go: a folder, and a name, or that of each picture."""

    folder: Path
    stem: str | None
    is_named: bool  # by the person, with its name: it is this file or none
    suffix: str = VIDEO_SUFFIX  # as the person wrote it: on most disks .MP4 is another file

    def name(self, picture: Path, number: int | None) -> Path:
        stem = self.stem or picture.stem
        return self.folder / f"{stem}{'' if number is None else f'-{number}'}{self.suffix}"


def target_of(output: str | None, pictures: Sequence[Path]) -> Target:
    """Raises BadSetting for what is no mp4, no folder, or cannot be written to."""
    is_one = len(pictures) == 1
    if output is None:
        return _writable(Target(Path(), DEFAULT_STEM if is_one else None, is_named=False), "-o")
    path = Path(output)
    if path.is_dir() or output.endswith("/"):
        return _writable(Target(_made(path), None, is_named=False), output)
    if path.suffix.lower() != VIDEO_SUFFIX:
        mend = "" if path.suffix else f", and a folder in / ({output}/)"
        raise BadSetting(output, f"must end in {VIDEO_SUFFIX}, which is what is made{mend}")
    if not is_one:
        raise BadSetting(output, "is one file for several pictures: name a folder, such as videos/")
    named = Target(path.parent, path.stem, is_named=True, suffix=path.suffix)
    return _writable(named, output)


def takes_of(
    pictures: Sequence[Path], target: Target, *, times: int, first_seed: int, force: bool
) -> list[Take]:
    """`times` videos of each picture, none over a file that is there. Raises BadSetting."""
    taken: set[Path] = set()
    takes = []
    for picture in pictures:
        for number in range(times):
            name = target.name(picture, number + 1 if times > 1 else None)
            if target.is_named and not force and name.exists():
                raise BadSetting(str(name), "is there already: --force writes over it")
            out = next(
                each
                for each in _numbered(name)
                if each not in taken and (force or not each.exists())
            )
            taken.add(out)
            seed = first_seed + number
            if number and seed > MOST_SEED:  # the first one is the server's to judge
                seed -= MOST_SEED + 1
            takes.append(Take(picture, out, seed))
    return takes


def kept(part: Path, take: Take, *, force: bool) -> Path:
    """Give a finished video its name, or the next one where somebody was faster; where it is."""
    if force:
        return part.replace(take.out)
    for name in _numbered(take.out):
        try:
            name.open("xb").close()
        except FileExistsError:
            continue
        return part.replace(name)
    raise FileExistsError(str(take.out))


def _numbered(name: Path) -> Iterator[Path]:
    yield name
    for number in count(2):
        yield name.with_name(f"{name.stem}-{number}{name.suffix}")


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(str(folder), f"cannot be made: {error.strerror}") from error
    return folder


def _writable(target: Target, output: str) -> Target:
    if not target.folder.is_dir():
        raise BadSetting(output, f"the folder {target.folder} does not exist")
    if not os.access(target.folder, os.W_OK):
        raise BadSetting(output, f"the folder {target.folder} cannot be written to")
    return target
