"""The camera's child program."""

from __future__ import annotations

from unstill.engines.camera.render import render
from unstill.media.child_main import serve

if __name__ == "__main__":
    serve({"render": render})
