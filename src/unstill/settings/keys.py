"""Keys and secrets: from the environment only, and never in a message.

What is plainly no key is refused: a variable that nobody filled in, quotes of another file's
syntax, a line's end of a file that was read whole.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64decode
from collections.abc import Callable, Mapping

from unstill.domain.errors import BadSetting
from unstill.domain.owner import NAME, Owner
from unstill.settings.tables import did_you_mean

KEYS_VARIABLE = "UNSTILL_API_KEYS"
CLIENT_KEY_VARIABLE = "UNSTILL_CLIENT_KEY"  # read by `unstill generate`, no setting of the server
SIGNING_VARIABLE = "UNSTILL_WEBHOOK_SECRET"
FROM_ENVIRONMENT = "env:"
# What is written, the setting where it is, the environment -> the key; raises BadSetting.
ReadKey = Callable[[str, str, Mapping[str, str]], str]
_WHSEC = "whsec_"
_SECRET_BYTES = (24, 64)  # Standard Webhooks, "signature scheme" (read 2026-11-20)
# `$NAME`, `${NAME}`, `env:$NAME`, `%NAME%` and the like, of shells, Compose files and templates.
_UNFILLED = re.compile(
    r"(?i:env\s*[:.(]\s*)?[$%]?[{(]{0,2}\s*(?i:env[.:])?([A-Za-z_][A-Za-z0-9_]*)\s*[)}]{0,2}%?\)?"
)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*_(KEY|TOKEN|SECRET|AK|SK)")


def read_keys(text: str) -> dict[str, Owner]:
    """`team-a:sk-1,team-b:sk-2,sk-3` as key -> owner; a bare key's owner is named by its hash."""
    keys: dict[str, Owner] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        owner, colon, key = (each.strip() for each in part.partition(":"))
        if not colon:
            owner, key = f"key-{hashlib.sha256(part.encode()).hexdigest()[:12]}", part
        if not NAME.fullmatch(owner) or not key:
            # The part itself may hold a key: it stays out of the message.
            raise BadSetting(
                KEYS_VARIABLE,
                "must be owner:key, comma-separated, owners in letters, digits, - and _",
            )
        _check_own_key(owner, key)
        if key in keys:
            raise BadSetting(KEYS_VARIABLE, f"has the key of {owner} twice")
        keys[key] = Owner(owner)
    return keys


def _check_own_key(owner: str, key: str) -> None:
    if unfilled(key) or f"{owner}:" == FROM_ENVIRONMENT:
        reason = "names a variable instead of a key: nothing is filled in here, write the keys"
        raise BadSetting(KEYS_VARIABLE, reason)
    if not key.isprintable() or " " in key or key[0] in "\"'" or key[-1] in "\"'":
        # Clients send it in a header: the first two never arrive, and quotes are not meant.
        reason = f"has spaces, quotes or line ends in the key of {owner}: leave them out"
        raise BadSetting(KEYS_VARIABLE, reason)
    if re.search(r";[A-Za-z0-9_-]+:", key):
        raise BadSetting(KEYS_VARIABLE, "must be comma-separated; it has a semicolon")


def upstream_key(api_key: str, setting: str, environment: Mapping[str, str]) -> str:
    """The key itself; `env:NAME` keeps it out of the file. Raises BadSetting without the key."""
    variable = api_key.removeprefix(FROM_ENVIRONMENT)
    if variable != api_key and re.fullmatch(r"\w+", variable):
        if environment.get(variable) == "":
            raise BadSetting(setting, f"the environment variable {variable} is empty")
        if variable not in environment:
            near = did_you_mean(variable, environment)
            raise BadSetting(setting, f"the environment variable {variable} is not set{near}")
        return _checked(environment[variable], setting, f"the environment variable {variable}")
    name = unfilled(api_key)
    if name is None and (_VARIABLE.fullmatch(api_key) or environment.get(api_key)):
        name = api_key
    if name is not None:
        raise BadSetting(setting, f'names a variable: did you mean "{FROM_ENVIRONMENT}{name}"?')
    return _checked(api_key, setting, "it")


def key_if_there(api_key: str, setting: str, environment: Mapping[str, str]) -> str:
    """The same for whoever calls no upstream: "" where its variable is not set."""
    variable = api_key.removeprefix(FROM_ENVIRONMENT)
    if variable != api_key and re.fullmatch(r"\w+", variable) and not environment.get(variable):
        return ""
    return upstream_key(api_key, setting, environment)


def _checked(key: str, setting: str, holder: str) -> str:
    if key.casefold().startswith("bearer "):
        raise BadSetting(setting, f"{holder} must be the key alone, without the word Bearer")
    if key and (not key.isascii() or not key.isprintable() or set(key) & {" ", '"', "'"}):
        allowed = "printable ASCII without spaces, quotes and line ends"
        raise BadSetting(setting, f"{holder} must be {allowed}")
    return key


def unfilled(text: str) -> str | None:
    """The variable that `text` names in another program's syntax; None if it looks like a key."""
    if not text.startswith(("$", "%", "{{")) and not re.match(r"(?i)env\s*[:.(]", text):
        return None
    match = _UNFILLED.fullmatch(text.strip())
    return None if match is None else match[1]


def read_webhook_secrets(text: str) -> tuple[str, ...]:
    """`whsec_...,whsec_...`, each with the base64 of 24 to 64 bytes."""
    secrets = tuple(filter(None, (each.strip() for each in text.split(","))))
    least, most = _SECRET_BYTES
    for secret in secrets:
        if not secret.startswith(_WHSEC) or not least <= _decoded_size(secret) <= most:
            # Without what came: it may be a secret with a slip of the pen.
            allowed = f"{_WHSEC} and the base64 of {least} to {most} random bytes"
            raise BadSetting(SIGNING_VARIABLE, f"must be {allowed}, comma-separated")
    return secrets


def _decoded_size(secret: str) -> int:
    """How many bytes a secret has; 0 if it is not base64."""
    try:
        return len(b64decode(secret.removeprefix(_WHSEC), validate=True))
    except (binascii.Error, ValueError):
        return 0
