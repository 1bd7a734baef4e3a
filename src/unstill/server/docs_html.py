"""The page at /docs: the description of the API, drawn by itself, without anything from outside."""

from importlib.resources import files

_PARTS = files("unstill.server").joinpath("docs_page")


def _page() -> bytes:
    page = _PARTS.joinpath("docs.html").read_text("utf-8")
    for name in ("docs.css", "docs.js"):
        page = page.replace(f"/*{name}*/", _PARTS.joinpath(name).read_text("utf-8"))
    return page.encode()


PAGE = _page()
