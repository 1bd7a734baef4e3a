"""A multipart form, for upstreams that take files that way. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import httpx2

from unstill.upstreams.pictures import FrameFile


def form_of(
    fields: Mapping[str, object],
    files: Mapping[str, FrameFile],
    *,
    boundary: str = "",
    name: str = "",
) -> tuple[bytes, str]:
    """The form and its media type.

    boundary: what parts it; "": one by chance, so that no two forms are equal.
    name: of the files; "": one that says nothing but their type.
    """
    given = {"content-type": f"multipart/form-data; boundary={boundary}"} if boundary else {}
    form = httpx2.Request(
        "POST",
        "http://upstream",  # only written here
        headers=given,
        data={field: form_text(value) for field, value in fields.items()},
        files={
            field: (name or file.file_name, file.data, file.media_type)
            for field, file in files.items()
        },
    )
    return form.read(), form.headers["content-type"]


def form_text(value: object) -> str:
    """A field's value in a form."""
    return str(value).lower() if isinstance(value, bool) else str(value)
