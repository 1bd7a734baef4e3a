"""What a setting that names a database may say."""

from __future__ import annotations

from urllib.parse import urlsplit

from unstill.domain.errors import BadSetting

DATABASE_FORM = "postgresql://user:password@host:port/database"


def check_database(database: str, setting: str) -> None:
    """Raises BadSetting, without what came: it may hold a password."""
    try:
        url = urlsplit(database)
        is_whole = url.port != 0 and bool(url.path.strip("/"))
    except ValueError:
        is_whole = False
    if not is_whole or not database.isprintable() or " " in database:
        raise BadSetting(setting, f"must be {DATABASE_FORM}")


def shown_database(database: str) -> str:
    """The same without its password and options, for people to read."""
    url = urlsplit(database)
    place = url.netloc.rpartition("@")[2]
    return f"{url.scheme}://{place}{url.path}"
