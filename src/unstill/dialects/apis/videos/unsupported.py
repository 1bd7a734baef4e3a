"""What OpenAI's videos API makes of videos and unstill does not, and what to do instead.

The routes are served nevertheless: a 404 would tell an SDK that the video is not there.
"""

from __future__ import annotations

from collections.abc import Mapping

from unstill.dialects.port import Route, Verb

_SEND = "as input_reference to POST /v1/videos"

LACKING: Mapping[Verb, str] = {
    "remix": (
        "a video cannot be remixed here: send the picture that it was made from, or any frame of "
        f"it, {_SEND} with the new prompt"
    ),
    "edit": f"a video cannot be edited here: send a frame of it {_SEND} with the new prompt",
    "extend": (
        f"a video cannot be extended here: send its last frame {_SEND}, and join the two videos"
    ),
    "character": (f"there are no characters here: send a picture that shows the character {_SEND}"),
}


def routes(videos: str) -> tuple[Route, ...]:
    """OpenAI, videos API: remix, edits, extensions, characters; `videos` is the path before."""
    return (
        Route("POST", f"{videos}/{{video_id}}/remix", "remix", "Not possible: remix a video", ()),
        Route("POST", f"{videos}/edits", "edit", "Not possible: edit a video", ()),
        Route("POST", f"{videos}/extensions", "extend", "Not possible: extend a video", ()),
        Route("POST", f"{videos}/characters", "character", "Not possible: make a character", ()),
        Route(
            "GET",
            f"{videos}/characters/{{character_id}}",
            "character",
            "Not possible: show a character",
            (),
        ),
    )
