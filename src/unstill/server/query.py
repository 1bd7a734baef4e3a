"""What a call says behind the question mark."""

from __future__ import annotations

from urllib.parse import parse_qsl

from unstill.domain.errors import BadField

MOST_PARAMETERS = 100  # a query has no more; the longest list's filters are a dozen


def query_of(text: bytes) -> dict[str, str]:
    """Its parameters; the last of those that are given twice. Raises BadField."""
    if not text:
        return {}
    if text.count(b"&") >= MOST_PARAMETERS:
        raise BadField("query", f"at most {MOST_PARAMETERS} parameters", found="more")
    query = text.decode("latin-1")
    if "&" in query or "%" in query or "+" in query:
        return dict(parse_qsl(query, keep_blank_values=True))
    # One plain parameter, as in each poll of a task: measured, a tenth of the poll's own time.
    name, _, value = query.partition("=")
    return {name: value}
