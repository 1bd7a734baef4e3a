"""Files and folders of this machine, as settings name them."""

from __future__ import annotations

from pathlib import Path

from unstill.domain.errors import BadSetting, shown


def path_of(text: str, setting: str) -> str:
    """The path with `~` as somebody's home; raises BadSetting.

    Any other is taken as it stands, from the folder that the server is started in.
    """
    if not text.strip():
        raise BadSetting(setting, "must not be empty")
    if "$" in text:
        reason = f"is a path as it stands, no variable is filled in, got {shown(text)}"
        raise BadSetting(setting, reason)
    if not text.startswith("~"):
        return text
    try:
        return str(Path(text).expanduser())
    except RuntimeError as error:
        reason = f"names the home of nobody here: {shown(text)}"
        raise BadSetting(setting, reason) from error
