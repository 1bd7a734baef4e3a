"""The camera's child program."""

from __future__ import annotations

from unstill.engines.camera import render
from unstill.engines.camera.task import NO_MASK, Rendered, RenderTask
from unstill.media.child_main import Reports, serve


def render_and_note(task: RenderTask, report: Reports) -> Rendered:
    return render.render(task, report, without_mask=lambda why: report.note(NO_MASK, why=why))


if __name__ == "__main__":
    serve({"render": render_and_note})
