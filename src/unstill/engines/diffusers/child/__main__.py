"""The child program of one device: it has one pipeline, and renders with it until it ends."""

from __future__ import annotations

import warnings

import diffusers
import transformers

from unstill.engines.diffusers.child import render as rendering
from unstill.engines.diffusers.child.load import Holder
from unstill.engines.diffusers.child.memory_end import ended_without_memory
from unstill.engines.diffusers.task import Generated, GenerateTask, Loaded, LoadTask, WarmTask
from unstill.media.child_main import Reports, serve

holder = Holder()


def load(task: LoadTask, report: Reports) -> Loaded:
    with ended_without_memory(task, report, lambda: holder.rung):
        return holder.have(task, report).loaded


def warm(task: WarmTask, report: Reports) -> None:
    with ended_without_memory(task.load, report, lambda: holder.rung):
        rendering.warm(holder.have(task.load, report), task, report)


def render(task: GenerateTask, report: Reports) -> Generated:
    with ended_without_memory(task.load, report, lambda: holder.rung):
        return rendering.render(holder.have(task.load, report), task, report)


def keep_quiet() -> None:
    """Its last words are for errors: no bars, and no warnings, which may quote a prompt."""
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    warnings.simplefilter("ignore")


if __name__ == "__main__":
    keep_quiet()
    serve({"load": load, "warm": warm, "render": render})
