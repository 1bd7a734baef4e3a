"""What OpenAI's videos API makes of videos and unstill does not, and what to do instead."""

from __future__ import annotations

from unstill.dialects.apis.videos.parameters import CHARACTER_ID, VIDEO_ID
from unstill.dialects.port import Described
from unstill.dialects.route import Route
from unstill.dialects.verbs import unsupported

_SEND = "as input_reference to POST /v1/videos"

REMIX = unsupported(
    "remix",
    "a video cannot be remixed here: send the picture that it was made from, or any frame of "
    f"it, {_SEND} with the new prompt",
)
EDIT = unsupported(
    "edit", f"a video cannot be edited here: send a frame of it {_SEND} with the new prompt"
)
EXTEND = unsupported(
    "extend",
    f"a video cannot be extended here: send its last frame {_SEND}, and join the two videos",
)
CHARACTER = unsupported(
    "character",
    f"there are no characters here: send a picture that shows the character {_SEND}",
)


def routes(videos: str) -> tuple[Route[Described], ...]:
    """OpenAI, videos API: remix, edits, extensions, characters; `videos` is the path before."""
    return (
        Route(
            "POST",
            f"{videos}/{{video_id}}/remix",
            REMIX,
            "Not possible: remix a video",
            (),
            (VIDEO_ID,),
        ),
        Route("POST", f"{videos}/edits", EDIT, "Not possible: edit a video", ()),
        Route("POST", f"{videos}/extensions", EXTEND, "Not possible: extend a video", ()),
        Route("POST", f"{videos}/characters", CHARACTER, "Not possible: make a character", ()),
        Route(
            "GET",
            f"{videos}/characters/{{character_id}}",
            CHARACTER,
            "Not possible: show a character",
            (),
            (CHARACTER_ID,),
        ),
    )
