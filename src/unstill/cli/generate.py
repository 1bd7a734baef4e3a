"""`unstill generate`: videos of pictures, by a running server or by one started for them."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from unstill.cli.client import Client, picture
from unstill.cli.generate_plan import MOST_SEED, Take, kept, takes_of, target_of, wanted
from unstill.cli.temporary_server import own_server
from unstill.domain.errors import BadSetting, UnstillError
from unstill.domain.request import GivenValue, Size, TierName
from unstill.models.catalogue import CARDS, USUAL
from unstill.models.field_kinds import AspectRatio
from unstill.models.sizes import size_at
from unstill.models.tiers import NAMED_SIZES
from unstill.settings.keys import CLIENT_KEY_VARIABLE

AT_ONCE = 4  # jobs that the server has at the same time: enough to keep it busy
MOST_TIMES = 100
_TIERS: dict[str, TierName] = {tier: tier for tier in NAMED_SIZES}

app = typer.Typer()
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def _allowed(name: str) -> str:
    """What each model takes in a field, for the help."""
    fields = ((card.id, card.field(name)) for card in CARDS)
    return "; ".join(f"{model}: {field.kind.allowed}" for model, field in fields if field)


@app.command()
def generate(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="PICTURE... [PROMPT]",
            help="First frames: photos, folders of them, patterns. Behind them, in quotes, what "
            "should happen, where --prompt does not say it.",
        ),
    ],
    *,
    prompt: Annotated[
        str | None, typer.Option("-p", "--prompt", help="What should happen.")
    ] = None,
    negative_prompt: Annotated[str, typer.Option(help="What should not.")] = "",
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", help="The mp4, or a folder; else out.mp4, or a name each."),
    ] = None,
    times: Annotated[
        int, typer.Option("-n", "--times", min=1, max=MOST_TIMES, help="Takes of each picture.")
    ] = 1,
    force: Annotated[bool, typer.Option("--force", help="Write over files.")] = False,
    model: Annotated[str, typer.Option(help="See `unstill models`.")] = USUAL.id,
    resolution: Annotated[str | None, typer.Option(help=_allowed("resolution"))] = None,
    size: Annotated[str | None, typer.Option(help="Exactly, such as 1280x720.")] = None,
    aspect: Annotated[str | None, typer.Option(help="Such as 16:9; else the picture's.")] = None,
    duration: Annotated[int | None, typer.Option(help="Seconds.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="The same seed, the same video; counted up by -n.")
    ] = None,
    audio: Annotated[bool | None, typer.Option("--audio/--no-audio", help="Sound.")] = None,
    watermark: Annotated[bool | None, typer.Option("--watermark/--no-watermark")] = None,
    last_frame: Annotated[Path | None, typer.Option(help="A photo to end on.")] = None,
    region: Annotated[
        str | None, typer.Option(help="What moves where, as JSON: see docs/api.md, Regions.")
    ] = None,
    prompt_metadata: Annotated[
        bool,
        typer.Option(
            "--prompt-metadata/--no-prompt-metadata",
            help="Keep the prompt in the file, where this command's own server makes it.",
        ),
    ] = True,
    server: Annotated[str | None, typer.Option(help="A running server's address.")] = None,
    api_key: Annotated[
        str | None, typer.Option(envvar=CLIENT_KEY_VARIABLE, help="Where that server wants one.")
    ] = None,
) -> None:
    """Make videos of pictures, with a running server or one started for them."""
    inputs = wanted(sources, prompt)
    fields = {
        "model": model,
        "prompt": inputs.prompt,
        "negative_prompt": negative_prompt,
        "seconds": duration,
        "generate_audio": audio,
        "watermark": watermark,
        "region": region,
        **_geometry(resolution, size, aspect),
    }
    if last_frame is not None:
        picture(last_frame)  # before anything is made
    # Before a render that could not be kept.
    takes = takes_of(
        inputs.pictures,
        target_of(output, inputs.pictures),
        times=times,
        # -1 is a random one too, at many a server; here it is one that can be told.
        first_seed=secrets.randbelow(MOST_SEED + 1) if seed in {None, -1} else seed,
        force=force,
    )
    serving: AbstractContextManager[str] = (
        own_server(prompt_in_files=prompt_metadata) if server is None else nullcontext(server)
    )
    with serving as address, Client(address, key=api_key) as client, ExitStack() as shown:
        studio = Studio(client, _texts(fields), last_frame, partial(_bars, shown), force=force)
        failed = studio.make(takes)
    if failed:
        raise typer.Exit(1)


def _geometry(resolution: str | None, size: str | None, aspect: str | None) -> dict[str, object]:
    """The size asked for, else the tier's; an aspect is a size of the tier's area."""
    if size is not None:
        if aspect is not None or resolution is not None:
            raise BadSetting("--size", "says it all: leave out --aspect and --resolution")
        return {"size": size}
    if aspect is None:
        return {"resolution": resolution or "720P"}
    # The same words as at the server, and for each of its models.
    ratio = AspectRatio().read(GivenValue("--aspect", aspect))
    if ratio is None:
        return {"resolution": resolution or "720P"}
    tier = _TIERS.get((resolution or "720P").upper())
    if tier is None:
        allowed = ", ".join(_TIERS)
        raise BadSetting("--resolution", f"must be one of {allowed}, got {resolution!r:.40}")
    return {"size": str(size_at(tier, Size(ratio.width, ratio.height)))}


def _texts(fields: Mapping[str, object]) -> dict[str, str]:
    """As a form has them; what was not asked for is left to the server."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in fields.items()
        if value is not None and (value != "" or name == "prompt")
    }


class Sent(msgspec.Struct, frozen=True):
    """A take that the server has."""

    take: Take
    video_id: str
    has_seed: bool


class Studio:
    """Makes takes, some at once; one that fails does not stop the others."""

    def __init__(
        self,
        client: Client,
        fields: Mapping[str, str],
        last_frame: Path | None,
        bars: Callable[[], Progress],
        *,
        force: bool,
    ) -> None:
        self._client = client
        self._fields = fields
        self._last_frame = last_frame
        self._bars = bars
        self._force = force
        self._shown: Progress | None = None
        self._told_of: set[str] = set()  # fields and words that had no effect

    def make(self, takes: list[Take]) -> int:
        """How many failed; raises the reason where there was one take only."""
        sent: deque[Sent] = deque()
        failed = 0
        for take in takes:
            if len(sent) >= AT_ONCE:
                failed += self._finish_next(sent, takes)
            failed += self._tried(partial(self._send, take, sent), take, takes)
        while sent:
            failed += self._finish_next(sent, takes)
        if len(takes) > 1:
            made = f"{len(takes) - failed} of {len(takes)} made"
            err.print(Text(made if not failed else f"{made}, {failed} failed"), soft_wrap=True)
        return failed

    def _finish_next(self, sent: deque[Sent], takes: list[Take]) -> int:
        following = sent.popleft()
        return self._tried(partial(self._finish, following), following.take, takes)

    def _tried(self, work: Callable[[], object], take: Take, takes: list[Take]) -> int:
        """Whether it failed, as a count."""
        try:
            work()
        except UnstillError as error:
            if len(takes) == 1:
                raise
            line = Text.assemble(("unstill:", "bold red"), f" {take.picture}: {error.message}")
            err.print(line, soft_wrap=True)
            return 1
        return 0

    def _send(self, take: Take, sent: deque[Sent]) -> None:
        pictures = {"input_reference": take.picture}
        if self._last_frame is not None:
            pictures["last_frame_url"] = self._last_frame
        fields = {**self._fields, "seed": str(take.seed)}
        video, ignored = self._client.create(fields, pictures)
        if in_vain := sorted((ignored & self._fields.keys()) - self._told_of):
            self._told_of |= set(in_vain)
            line = f"unstill: {', '.join(in_vain)} had no effect with {self._fields['model']}"
            err.print(Text(line), soft_wrap=True)
        sent.append(Sent(take, video["id"], "seed" not in ignored))

    def _finish(self, sent: Sent) -> None:
        with self._bar(sent.take) as progress:
            video, unheard = self._client.wait(sent.video_id, progress)
        with _part_beside(sent.take.out) as part:
            size_bytes = self._client.download(f"/v1/videos/{sent.video_id}/content", part)
            name = kept(part, sent.take, force=self._force)
        out.print(Text(self._told(sent, name, video, size_bytes)), soft_wrap=True)
        self._tell_unheard(unheard)

    def _tell_unheard(self, pieces: Iterable[str]) -> None:
        """Which words of the prompt changed nothing; once for all takes."""
        if in_vain := [piece for piece in pieces if piece not in self._told_of]:
            self._told_of |= set(in_vain)
            quoted = ", ".join(f'"{piece}"' for piece in in_vain)
            err.print(Text(f"unstill: no effect on this engine: {quoted}"), soft_wrap=True)

    def _told(self, sent: Sent, name: Path, video: Mapping[str, Any], size_bytes: int) -> str:
        made = f"{name}: {video['size']}, {video['seconds']} s, {size_bytes / 1e6:.1f} MB"
        seed = f", seed {sent.take.seed}" if sent.has_seed else ""
        prompt = f', "{self._fields["prompt"]}"' if self._fields["prompt"] else ""
        return made + seed + prompt

    @contextmanager
    def _bar(self, take: Take) -> Iterator[Callable[[int], None]]:
        # Not before: without a terminal its end is an empty line.
        self._shown = self._shown or self._bars()
        bar = self._shown.add_task(take.out.name, total=100)
        try:
            yield lambda percent: self._progress(bar, percent)
        finally:
            self._shown.stop_task(bar)

    def _progress(self, bar: TaskID, percent: int) -> None:
        if self._shown is not None:
            self._shown.update(bar, completed=percent)


@contextmanager
def _part_beside(path: Path) -> Iterator[Path]:
    """A file of nobody else's in the folder of `path`; gone at the end if it is still there."""
    part = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        part.open("xb").close()
    except OSError as error:
        raise BadSetting(str(path), f"cannot be written: {error.strerror}") from error
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _bars(shown: ExitStack) -> Progress:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
    )
    return shown.enter_context(Progress(*columns, TimeElapsedColumn(), console=err))
