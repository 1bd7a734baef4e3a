"""The child's one task: a scene in, an mp4 out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2

from unstill import __version__
from unstill.domain.request import VideoRequest
from unstill.engines.camera.ambience import LOUDNESS, ambience
from unstill.engines.camera.effect_words import DRAWN, Effect
from unstill.engines.camera.framing import Tell, untold
from unstill.engines.camera.kept_photos import photos_of
from unstill.engines.camera.marked import EFFECTS_OF, SIDE_PX, Mark, mark_of
from unstill.engines.camera.prompt import EVERY, Plan, read_prompt
from unstill.engines.camera.same_scene import find_same_scene
from unstill.engines.camera.scenes import OnePhoto, Scenery, Show, TwoPhotos
from unstill.engines.camera.strength_words import PLAIN_STRENGTH
from unstill.engines.camera.subject import Box
from unstill.engines.camera.task import Rendered, RenderTask
from unstill.engines.camera.two_views import TwoViews
from unstill.media.decode import open_frame
from unstill.media.video_writer import VideoWriter

HONEST = (
    "A camera move over a photo, computed by unstill's camera engine. No generative model was used."
)


def render(
    task: RenderTask, report: Callable[[float], None], *, without_mask: Tell = untold
) -> Rendered:
    """Write the task's video to `task.out`, telling the finished fraction after each frame.

    without_mask: told why, where subjects cannot be looked for. Raises BadImage if a frame cannot
    be decoded.
    """
    # two children on two cores are faster than one on both, and threads change no result here
    cv2.setNumThreads(1)
    request = task.request
    plan = read_prompt(request.prompt, request.negative_prompt, request.seed)
    # a last frame of the caller's own is where the video ends
    is_loop = (plan.is_loop or task.loop) and request.last_frame is None
    plan = replace(plan, is_loop=is_loop, effects=with_marked(plan.effects, request))
    scenery = scenery_of(task, plan, without_mask)
    show = Show(scenery, plan, request, task.size)
    frame_count = request.frame_count
    effects = plan.effects.keys() - scenery.undrawn
    weather = next((effect for effect in LOUDNESS if effect in effects), None)
    sound = ambience(duration_s=request.duration_s, seed=request.seed, weather=weather)
    with VideoWriter(
        Path(task.out),
        size=task.size,
        frame_rate=request.frame_rate,
        metadata=metadata_of(task),
        sound=sound if request.generate_audio else None,
        compatible=task.compatible,
        buffers=2 if task.is_alone else 1,
    ) as video:
        fill = fill_ahead if task.is_alone else fill_in_turn
        fill(video, show, frame_count, report)
    return Rendered(
        frame_count=frame_count,
        moves=tuple(move for move in plan.moves if move not in scenery.unmade),
        effects=tuple(sorted(effects)),
        unheard=(*unheard_in(request, scenery), *unmoved_in(request, scenery)),
    )


def with_marked(effects: Mapping[Effect, float], request: VideoRequest) -> Mapping[Effect, float]:
    """The effects of a plan and those of the caller's regions; the prompt says how much."""
    marked = {EFFECTS_OF[region.kind]: PLAIN_STRENGTH for region in request.regions}
    return {**marked, **effects}


def unmoved_in(request: VideoRequest, scenery: Scenery) -> tuple[str, ...]:
    """The caller's regions in which nothing moves: in a sketch, between two pictures, cropped."""
    return tuple(
        f"region[{place}]"
        for place, region in enumerate(request.regions)
        if EFFECTS_OF[region.kind] in scenery.undrawn
    )


def unheard_in(request: VideoRequest, scenery: Scenery) -> tuple[str, ...]:
    """The pieces of the prompt that had no effect; so has what these pictures have no place for."""
    return read_prompt(
        request.prompt,
        request.negative_prompt,
        request.seed,
        drawn=DRAWN - scenery.undrawn,
        made=EVERY - scenery.unmade,
        may_loop=request.last_frame is None,
    ).unheard


def fill_in_turn(
    video: VideoWriter, show: Show, frame_count: int, report: Callable[[float], None]
) -> None:
    for frame in range(frame_count):
        show.draw(share_of(frame, frame_count), video.picture)
        video.write()
        report((frame + 1) / frame_count)


def fill_ahead(
    video: VideoWriter, show: Show, frame_count: int, report: Callable[[float], None]
) -> None:
    """The same frames, each drawn while the one before it is encoded: for two cores."""

    def draw(frame: int) -> None:
        show.draw(share_of(frame, frame_count), video.pictures[frame % 2])

    with ThreadPoolExecutor(1, "draw") as drawer:
        drawn = drawer.submit(draw, 0)
        for frame in range(frame_count):
            drawn.result()
            if frame + 1 < frame_count:
                drawn = drawer.submit(draw, frame + 1)
            video.write(frame % 2)
            report((frame + 1) / frame_count)


def share_of(frame: int, frame_count: int) -> float:
    """How much of the video is over when a frame is shown, 0 to 1."""
    return frame / max(frame_count - 1, 1)


def scenery_of(task: RenderTask, plan: Plan, without_mask: Tell = untold) -> Scenery:
    request = task.request
    photos, shape = photos_of(task, without_mask)
    first, *lasts = photos
    if not lasts:
        marks = marks_in(task, shape, first.remains)
        return OnePhoto(replace(first, marks=marks) if marks else first, plan, request)
    pair = first, lasts[0]
    scene = find_same_scene(*pair)
    if scene is None or not scene.is_travelled:
        return TwoPhotos(pair, plan, request)
    return TwoViews(pair, scene, plan, request)


def marks_in(task: RenderTask, shape: tuple[int, ...], remains: Box) -> tuple[Mark, ...]:
    """What the caller has marked, in what remains of a picture of this shape."""
    request = task.request
    masks = {
        mask.role: open_frame(Path(task.frames[mask.role]), param=mask.param, enough_px=SIDE_PX)
        for mask in request.masks
    }
    return tuple(
        mark_of(region, masks[region.mask] if region.mask else None, shape, remains)
        for region in request.regions
    )


def metadata_of(task: RenderTask) -> dict[str, str]:
    """What makes the video again: its seed, and the prompt only where its server may tell it."""
    request = task.request
    told = {"description": request.prompt} if task.tells_prompt and request.prompt else {}
    return told | {
        "comment": f"{HONEST} Seed {request.seed}.",
        "software": f"unstill {__version__}",
        "unstill_engine": "camera",
        "unstill_model": request.model,
        "unstill_seed": str(request.seed),
        "unstill_job": task.job_id,
    }
