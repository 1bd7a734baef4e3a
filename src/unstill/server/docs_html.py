"""The page at /docs: the description of the API, drawn by itself, without anything from outside."""

import hashlib
from base64 import b64encode
from importlib.resources import files

_PARTS = files("unstill.server").joinpath("docs_page")
_STYLE, _SCRIPT = (_PARTS.joinpath(name).read_text("utf-8") for name in ("docs.css", "docs.js"))


def _page() -> bytes:
    page = _PARTS.joinpath("docs.html").read_text("utf-8")
    return page.replace("/*docs.css*/", _STYLE).replace("/*docs.js*/", _SCRIPT).encode()


def _hash_of(text: str) -> str:
    """By which a content policy lets an inline script or style be (W3C CSP 3, 2.3.1)."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


PAGE = _page()
_CONTENT_POLICY = (
    f"default-src 'none'; script-src {_hash_of(_SCRIPT)}; style-src {_hash_of(_STYLE)}; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", _CONTENT_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
