"""Where other gateways and providers make videos, and what is here instead of each such path.

Sources: new-api and grok2api, /v1/video/generations; OpenAI-like gateways, /v1/videos/generations,
/v1/videos/sync; Kling, /v1/videos/image2video; MiniMax, /v1/video_generation; Runway,
/v1/image_to_video; Replicate, /v1/predictions; Azure's preview of Sora,
/openai/v1/video/generations/jobs; Volcengine Ark, /api/v3/contents/generations/tasks; fal,
/fal-ai/MODEL/requests/ID.
"""

from __future__ import annotations

import re

# Where this server has the id of a video.
WORDS = frozenset(
    {
        *("generation", "generations", "generate", "create", "submit", "sync", "async", "query"),
        *("image2video", "text2video", "image-to-video", "text-to-video"),
    }
)

_OF_VIDEOS = (
    rf"videos?/(?:{'|'.join(sorted(WORDS, key=len, reverse=True))})"
    "|video|(?:query/)?video_generation|(?:image|text)_to_video|image2video|text2video"
    "|image-to-video|text-to-video|predictions|images/(?:generations|edits|variations)"
    "|contents/generations/tasks"
)
_PATH = re.compile(
    rf"(?P<openai>/openai)?(?:/api)?(?:/v\d{{1,2}}(?:alpha|beta)?)?/(?:{_OF_VIDEOS})"
    r"(?:/(?:jobs|requests))?(?:/(?P<id>[^/]{1,100}))?"
    r"(?:/(?:status|result|content|download|cancel))?",
    re.IGNORECASE,
)
_FAL = re.compile(r"/fal-ai/[\w./-]{1,200}?(?:/requests/(?P<id>[^/]{1,100})(?:/\w+)?)?")
# What others have below a video, by what it is here.
_OWN = re.compile(
    r"(?P<video>(?:/openai)?/v1/videos/[^/]{1,100})/(?:(?P<bytes>download|file|video|output|raw|media)"
    r"|status|state|result|results|info|cancel|delete)",
    re.IGNORECASE,
)
# The base that a proxy or another gateway has ahead of ours.
_AHEAD = re.compile(r"/.*?(?=/(?:openai/|api/)?v1/)", re.IGNORECASE)
_MOST_AHEAD_CHARS = 2048


def without_ahead(path: str) -> str | None:
    """`/kling/v1/videos` from its `/v1` on; None of a path that begins with a base of ours."""
    match = _AHEAD.match(path, 0, _MOST_AHEAD_CHARS)
    return None if match is None or not match[0] else path[match.end() :]


def place_elsewhere(path: str) -> str | None:
    """The path here of what is made or asked for at another gateway's; None of any other path."""
    own = _OWN.fullmatch(path)
    if own is not None:
        return own["video"] + ("/content" if own["bytes"] else "")
    match = _PATH.fullmatch(path) or _FAL.fullmatch(path)
    if match is None:
        return None
    named = match.groupdict()
    videos = f"{named.get('openai') or ''}/v1/videos".lower()
    return videos if named["id"] is None else f"{videos}/{named['id']}"
