"""What was timed on a device, as rows, and the page of them all. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

GIB = 2**30
PLAIN = "plain diffusers"


class TimedForward(NamedTuple):
    """Forwards of a denoiser at one size, by one way to compute them."""

    denoiser: str
    size: str
    attention: str  # or PLAIN
    compiled: str
    memory: str
    times_s: tuple[float, ...]
    pflop: float  # of one
    peak_bytes: int
    moves_s: float = 0.0  # of weights to the device, in a whole video

    @property
    def best_s(self) -> float:
        """The first may still choose kernels, or wait for memory."""
        return min(self.times_s)

    def cells(self, matrix_tflops: float) -> tuple[str, ...]:
        tflops = self.pflop * 1000 / self.best_s
        return (
            f"{self.denoiser}, {self.size}",
            self.attention,
            self.compiled,
            self.memory,
            figure(self.best_s),
            figure(tflops),
            f"{tflops / matrix_tflops:.0%}",
            f"{matrix_tflops / tflops:.2f}",
            f"{self.peak_bytes / GIB:.1f}",
        )


FORWARD_HEAD = (
    "denoiser, size",
    "attention",
    "compiled",
    "memory",
    "s a forward",
    "TFLOP/s",
    "of the rate",
    "x floor",
    "peak GiB",
)


class TimedDecode(NamedTuple):
    """Latents of a whole video made frames."""

    decoder: str
    size: str
    times_s: tuple[float, ...]
    peak_bytes: int

    @property
    def best_s(self) -> float:
        return min(self.times_s)

    @property
    def cells(self) -> tuple[str, ...]:
        of = f"{self.decoder}, {self.size}"
        return of, figure(self.best_s), f"{self.peak_bytes / GIB:.1f}"


DECODE_HEAD = ("decoder, size", "s", "peak GiB")


class TimedJob(NamedTuple):
    """A video, from when it was asked for until it was there."""

    what: str
    how: str
    took_s: float

    @property
    def cells(self) -> tuple[str, ...]:
        return self.what, self.how, figure(self.took_s)


JOB_HEAD = ("job", "how", "s")


class WholeVideo(NamedTuple):
    """What a whole video takes by the rows of its forwards and its decode."""

    what: str
    forwards: int
    plain_s: float
    ours_s: float
    floor_s: float  # of the forwards alone

    @property
    def cells(self) -> tuple[str, ...]:
        return (
            self.what,
            str(self.forwards),
            figure(self.plain_s),
            figure(self.ours_s),
            figure(self.floor_s),
            f"{self.plain_s / self.ours_s:.2f}",
            f"{self.ours_s / self.floor_s:.2f}",
        )


VIDEO_HEAD = ("video", "forwards", "plain s", "this engine s", "floor s", "gain", "x floor")
FEW = 4  # forwards of weights that were distilled for so many, without guidance
RATE = "One large product runs at {} TFLOP/s on this device; the floor is the work at that rate."
OF_VIDEOS = (
    "All steps with guidance, and four forwards without, each with the fastest row of its kind, and"
    " a decode. The floor is of the forwards alone."
)


class GpuRun(NamedTuple):
    """One run; `steps` of each denoiser, with guidance, which takes two forwards each."""

    command: str
    day: str
    machine: str  # device, driver and versions
    settings: str  # in sentences
    steps: Mapping[str, int]
    matrix_tflops: float  # of one large product
    took_s: float
    forwards: Sequence[TimedForward]
    decodes: Sequence[TimedDecode]
    jobs: Sequence[TimedJob]
    left_out: Sequence[str]
    failed: Sequence[str] = ()  # parts, each with its error

    @property
    def videos(self) -> list[WholeVideo]:
        """Of each size that was timed both ways."""
        sizes = dict.fromkeys((each.denoiser, each.size) for each in self.forwards)
        return [
            video
            for denoiser, size in sizes
            for count in (2 * self.steps[denoiser], FEW)
            for video in self._videos(denoiser, size, count)
        ]

    def _videos(self, denoiser: str, size: str, count: int) -> list[WholeVideo]:
        of = (denoiser, size)
        timed = [each for each in self.forwards if (each.denoiser, each.size) == of]
        plain = [each for each in timed if each.attention == PLAIN]
        ours = [each for each in timed if each.attention != PLAIN]
        decodes = [each for each in self.decodes if (each.decoder, each.size) == of]
        if not plain or not ours or not decodes:
            return []
        decode_s = min(each.best_s for each in decodes)
        plain_s, ours_s = (
            min(count * each.best_s + each.moves_s for each in way) + decode_s
            for way in (plain, ours)
        )
        floor_s = count * ours[0].pflop * 1000 / self.matrix_tflops
        return [WholeVideo(f"{denoiser}, {size}", count, plain_s, ours_s, floor_s)]


def page_of(found: GpuRun) -> str:
    """The text of benchmarks/GPU.md."""
    lines = [
        "# On a GPU",
        "",
        f"`{found.command}`, {found.day}, {found.machine}. All in {found.took_s:.0f} s.",
        "",
        found.settings,
        "",
        RATE.format(figure(found.matrix_tflops)),
        "",
        "## Forwards",
        "",
        *table(FORWARD_HEAD, [each.cells(found.matrix_tflops) for each in found.forwards], words=4),
        "",
        "## Decodes",
        "",
        *table(DECODE_HEAD, [each.cells for each in found.decodes], words=1),
        "",
        "## Videos, by the tables above",
        "",
        OF_VIDEOS,
        "",
        *table(VIDEO_HEAD, [each.cells for each in found.videos], words=1),
        "",
        "## Jobs",
        "",
        *table(JOB_HEAD, [each.cells for each in found.jobs], words=2),
        "",
        "## Left out",
        "",
        *([f"- {each}." for each in (*found.failed, *found.left_out)] or ["Nothing."]),
    ]
    return "\n".join(lines) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, words: int) -> list[str]:
    """Lines of a table; its first `words` columns are text, the others numbers."""
    rules = ["---" if column < words else "---:" for column in range(len(head))]
    return [f"| {' | '.join(each)} |" for each in (head, rules, *rows)]


def figure(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
