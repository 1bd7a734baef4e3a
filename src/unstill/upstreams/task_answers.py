"""What an answer says of a task: its id, how it stands, where its video is. Pure.

Read by the tables of vocabulary.py, through whatever wraps it. What is not understood is never an
end: it is told as it came, and asked for again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from unstill.domain.redaction import plain
from unstill.upstreams.port import Done, Failed, Running, Verdict, Waiting
from unstill.upstreams.replies import Odd, Said, all_at, at, layers, numbers, said_in
from unstill.upstreams.vocabulary import (
    BARE_ID_PLACES,
    BUILT_IN,
    ENVELOPE_NAMES,
    ENVELOPE_WORDS,
    FINE,
    ID_NAMES,
    PROGRESS_NAMES,
    WordTables,
    folded_word,
)

_TICKET = re.compile(r"(?!\.+$)[!-~]{1,512}")  # it goes into paths: dots alone would climb
_NO_ID = frozenset({"0", "-1", "null", "none", "nil", "undefined", "nan", "false", "true"})
# Nothing but the id, where a text might be anything: long, one word, with digits.
_BARE_ID = re.compile(r"(?=(?:\D*\d){2})[\w-]{8,128}", re.ASCII)
_AFTER_ID = re.compile(r"/(?:content|status|results?|cancel)?/*$")
_LINK = re.compile(r"https?://[^\s\"'<>]+|//?(?!/)[^\s\"'<>]+", re.IGNORECASE)
# Without scheme and slash it is only one where its name says so.
_LINK_NAME = re.compile(r"ur[il]s?\b|link|href", re.IGNORECASE)
_BARE_LINK = re.compile(r"[\w.-]+(?::\d+)?/[^\s\"'<>:]+(?:\?\S*)?")
_PICTURE = re.compile(r"\.(?:jpe?g|png|webp|gif|avif)(?:[?#]|$)", re.IGNORECASE)

Layer = Mapping[str, Any]


class Word(msgspec.Struct, frozen=True):
    """A word of a state, and the object that says it."""

    text: str
    layer: Layer
    is_own: bool  # the task's for sure, not one of the call as a whole


def ticket_in(fields: Layer, words: WordTables = BUILT_IN, *, place: str = "") -> str | None:
    """The upstream's id of a task that it has taken; None if there is none that can be used.

    place: where its documents have it, read before all others but an operator's.
    """
    found = layers(fields)
    if _is_envelope(found[0], words):  # its own id is the call's, where there is another one
        found = [*found[1:], found[0]]
    own = words.id[: -len(ID_NAMES)]
    tickets = [_id_at(layer, own) for layer in found]
    tickets += [_id_at(fields, (place,) if place else ())]
    tickets += [_id(layer, words) for layer in found]
    return next((each for each in tickets if each and _TICKET.fullmatch(each)), None)


def bare_ticket_in(fields: Layer, location: str = "") -> str | None:
    """An id that no name calls one: a text that is nothing else, or the end of a Location.

    Only for an answer that says of no error.
    """
    for layer in layers(fields):
        for place in BARE_ID_PLACES:
            text = at(layer, place)
            if isinstance(text, str) and _BARE_ID.fullmatch(text):
                return text
    path = _AFTER_ID.sub("", re.split(r"[?#]", location, maxsplit=1)[0])
    last = unquote(path.rpartition("/")[2])
    return last if _TICKET.fullmatch(last) and re.search(r"\d", last) else None


def _is_envelope(layer: Layer, words: WordTables) -> bool:
    has_state = bool(_state(layer, words)[1])
    return not has_state and any(at(layer, name) is not None for name in ENVELOPE_NAMES)


def verdict_in(
    fields: Layer, words: WordTables = BUILT_IN, *, ticket: str = "", is_ok: bool = True
) -> Verdict | None:
    """How the task stands; None if the answer does not say. Raises Odd for a word nobody knows.

    is_ok: of the HTTP status; without it only an object with an id of its own is believed.
    """
    found = layers(fields, ticket)
    word = _word(found, words, ticket)
    if word is None or not (is_ok or _id(word.layer, words)):
        return None
    state = words.state(word.text)
    order = [word.layer, *(layer for layer in found if layer is not word.layer)]
    link = _link(order, words)
    if not word.is_own and folded_word(word.text) in ENVELOPE_WORDS:
        # `{"status": "success"}` alone is about the call; with a video it is not.
        return _done(order, link, words) if state == "succeeded" and link else None
    match state:
        case "waiting":
            return Waiting()
        case "running":
            return Running(_progress(order))
        case "succeeded":
            return _done(order, link, words)
        case "failed":
            return _failed(said_in(order, words), order)
        case "cancelled":
            message = "the task was cancelled at the upstream"
            return Failed("cancelled", message, _usage(order))
        case "expired":
            message = "the task waited too long at the upstream"
            return Failed("expired", message, _usage(order))
        case None:
            reason = said_in(order, words).message
            why = f": {reason}" if reason else ""
            raise Odd(f"the upstream answered the unknown state {plain(word.text)[:40]!r}{why}")


def _word(found: list[Layer], words: WordTables, ticket: str) -> Word | None:
    """The word that is most surely the task's own.

    That of the object with the ticket, then of any with an id, then of the innermost: a wrapper's
    `"status": "success"` only means that there was an answer.
    """
    said = [(layer, name, text) for layer in found for name, text in [_state(layer, words)] if text]
    if not said:
        return None
    named = [each for each in said if _id(each[0], words)]
    tickets = [each for each in named if _id(each[0], words) == ticket]
    layer, name, text = (tickets or named or said[-1:])[0]
    is_own = bool(named) or layer is not found[0] or name not in {"status", "state"}
    return Word(text, layer, is_own)


def _state(layer: Layer, words: WordTables) -> tuple[str, str]:
    """The name and the text of an object's state; empty if it has none."""
    for name in words.status:
        match at(layer, name):
            case str() as text if text.strip():
                return name, text
            case bool() as flag:
                if words.state(str(flag)):  # an operator's own: `"done": true`
                    return name, str(flag)
            case int() as number if words.state(number):
                return name, str(number)
    return "", ""


def _id(layer: Layer, words: WordTables) -> str | None:
    return _id_at(layer, words.id)


def _id_at(layer: Layer, places: Iterable[str]) -> str | None:
    for name in places:
        match at(layer, name):
            case str() as text if text.strip().casefold() not in {"", *_NO_ID}:
                return text.strip()
            case bool():
                continue
            case int() as number if number > 0:
                return str(number)
    return None


def link_in(fields: Layer, words: WordTables = BUILT_IN) -> str | None:
    """The address of a video that an answer names, as it writes it."""
    return _link(layers(fields), words)


def _link(order: list[Layer], words: WordTables) -> str | None:
    for layer in order:
        for place in words.link:
            is_named = _LINK_NAME.search(place) is not None
            for value in all_at(layer, place):
                text = value.strip() if isinstance(value, str) else ""
                is_one = _LINK.fullmatch(text) or (is_named and _BARE_LINK.fullmatch(text))
                if is_one and not _PICTURE.search(text):
                    return text
    return None


def _done(order: list[Layer], link: str | None, words: WordTables) -> Verdict:
    if link is None and _has_error(order[0]):
        return _failed(said_in(order, words), order)  # fal's every end is COMPLETED
    return Done(link, _usage(order))


def _has_error(layer: Layer) -> bool:
    error = at(layer, "error") or at(layer, "errors")
    return bool(error) and str(error).casefold() not in FINE


def _failed(words: Said, order: list[Layer]) -> Failed:
    message = words.message or "the upstream gave no reason"
    return Failed(words.code or "failed", message, _usage(order))


def _progress(order: list[Layer]) -> float | None:
    """0 to 1; the ends say nothing: some servers know only those."""
    for layer in order:
        for name in PROGRESS_NAMES:
            value = at(layer, name)
            is_share = False
            if isinstance(value, str) and re.fullmatch(r"\d{1,3}(\.\d+)?\s*%?", value.strip()):
                is_share = value.strip().endswith("%")
                value = float(value.strip().rstrip("% "))
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 100:
                return value if value < 1 and not is_share else value / 100  # Runway: 0 to 1
    return None


def _usage(order: list[Layer]) -> dict[str, int | float]:
    """The upstream's own numbers. A length beside them, as OpenAI's `seconds`, is none of them:
    servers say back there what was asked for, whatever they made.
    """
    found = (numbers(at(layer, "usage")) for layer in order)
    return next((usage for usage in found if usage), {})
