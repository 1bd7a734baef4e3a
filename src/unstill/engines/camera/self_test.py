"""A trial: does what is installed make a video? Each task of the children is done once, for real.

A second of a small video takes a second or two. Doctor does it when it is asked to. A server does
it in its first moments; where it has gone well before, only once what is installed has changed, and
then before anything of the folder's jobs is touched.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import structlog

from unstill.domain.engine import Scene
from unstill.domain.errors import (
    EngineDied,
    OperatorError,
    StorageFailed,
    StorageFull,
    UnstillError,
)
from unstill.domain.request import Frame, Size, VideoRequest
from unstill.engines.camera import Camera
from unstill.media.facade import Media
from unstill.media.plain_picture import plain_png
from unstill.media.tasks import FrameCheck, FrameFit, SoundCut, StillDraw, VideoCheck
from unstill.system.installed import installed, note, tried
from unstill.system.machine import Confinement

log = structlog.get_logger()

MEND = (
    "pip install --force-reinstall -c constraints.txt . in unstill's own folder installs what was"
    " tested, unstill doctor says more"
)
FOLDER = ".trial-"
_SIZE = Size(320, 192)
_LENGTH_S = 1
TRIES = 2
PATIENCE_S = 60.0  # a machine that is busy is not a broken one


class Broken(OperatorError):
    """What is installed makes no video."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the self-test failed, no video can be made here: {why}; {MEND}")
        self.why = why


class Trial:
    """The trial of a server, remembered in its data folder."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._task: asyncio.Task[None] | None = None
        self.failure: Broken | None = None

    async def before_any_job(self) -> None:
        """Where another installation went well before: it may be the folder's jobs that fail now.

        Raises Broken.
        """
        if tried(self._data_dir) not in ("", installed()):
            await self._run()

    def begin(self, failed: Callable[[], None]) -> None:
        """In a new folder, beside the first calls; `failed` is called if `failure` is set."""
        if tried(self._data_dir) != installed():
            self._task = asyncio.create_task(self._beside_calls(failed))

    async def shutdown(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _beside_calls(self, failed: Callable[[], None]) -> None:
        try:
            await self._run()
        except Broken as error:
            self.failure = error
            failed()

    async def _run(self) -> None:
        for left in self._data_dir.glob(f"{FOLDER}*"):  # by a server that was killed at it
            shutil.rmtree(left, ignore_errors=True)
        try:
            with tempfile.TemporaryDirectory(prefix=FOLDER, dir=self._data_dir) as folder:
                await self._twice(Path(folder))
            note(self._data_dir)
        except (OSError, StorageFull, StorageFailed) as error:
            # A disk, or a want of files, says nothing of what is installed.
            log.warning("self_test_skipped", why=str(error))

    async def _twice(self, folder: Path) -> None:
        """A child may also be ended by the system, for want of memory. Raises Broken."""
        for _ in range(TRIES):
            try:
                await make_video(folder)
            except (StorageFull, StorageFailed):
                raise
            except UnstillError as error:
                broken = Broken(error.message)
            else:
                return
        log.error("self_test_failed", why=broken.why, mend=MEND)
        raise broken


async def make_video(folder: Path) -> tuple[str, Confinement]:
    """Render a second, and do with it all that is ever done with one.

    What was done, in words, and how the child that did it is confined.

    Raises UnstillError, OSError.
    """
    photo, video = folder / "first-frame", folder / "video-1.part"
    await asyncio.to_thread(photo.write_bytes, plain_png(_SIZE))
    request = VideoRequest(
        model="wan2.7-i2v",
        prompt="push in",
        first_frame=Frame("first", "image", sha256=""),
        duration_s=_LENGTH_S,
        frame_rate=24,
        seed=1,
        size=_SIZE,
        generate_audio=True,
    )
    engine, media = Camera("camera", slots=1), Media(size=1, frame_timeout_s=PATIENCE_S)
    try:
        await media.check_frame(FrameCheck(str(photo), "image", 1, 100.0))
        fitted = FrameFit(str(photo), str(folder / "fitted"), frozenset({"JPEG"}), 2**20)
        await media.fit_frame(fitted)
        scene = Scene("trial", request, _SIZE, {"first": photo}, video)
        await engine.render(scene, lambda _: None)
        facts = await media.check_video(VideoCheck(str(video), _LENGTH_S))
        silent = folder / "silent"
        await media.cut_sound(SoundCut(str(video), str(silent)))
        await media.check_video(VideoCheck(str(silent), _LENGTH_S))
        await media.draw_thumbnail(StillDraw(str(video), str(folder / "thumbnail")))
        await media.draw_spritesheet(StillDraw(str(video), str(folder / "spritesheet")))
    finally:
        await engine.close()
        await media.close()
    if media.confinement is None:
        raise EngineDied("unstill.media", "it has not told how it is confined")
    detail = f"rendered and checked {facts.frame_count} frames of {_SIZE}, with sound"
    return detail, media.confinement
