"""What may be asked of a list of jobs: an operator's of all owners, and an owner's own."""

from __future__ import annotations

from collections.abc import Mapping

from unstill.dialects.parameters import UUID_SCHEMA
from unstill.dialects.route import Parameter
from unstill.domain.errors import BadField
from unstill.domain.job import State
from unstill.domain.request import GivenValue
from unstill.models.field_kinds import Whole

USUAL_LIMIT = 20
MOST_NAME_CHARS = 200  # a model or an engine that is asked for has no more
MOST_PROMPT_CHARS = 200
TIME = Whole(least=0, most=2**48 - 1)  # an id has so many bits for it

JOB_ID = Parameter("path", "job_id", "The id of the job.", UUID_SCHEMA)
_ANY_STATE = f"({'|'.join(State)})"
STATE = Parameter(
    "query",
    "state",
    f"Only in these, comma-separated: {', '.join(State)}.",
    {"type": "string", "pattern": f"^{_ANY_STATE}(,{_ANY_STATE})*$"},
)
_NAME = {"type": "string", "minLength": 1, "maxLength": MOST_NAME_CHARS}
MODEL = Parameter("query", "model", "Only by this name of a model, as it was asked for.", _NAME)
ENGINE = Parameter("query", "engine", "Only of this engine.", _NAME)
PROMPT = Parameter(
    "query",
    "prompt",
    "Only those in whose prompt it stands; letters of ASCII in either case.",
    {"type": "string", "minLength": 1, "maxLength": MOST_PROMPT_CHARS},
)
SINCE = Parameter("query", "since_ms", "Only those made from then on.", TIME.schema())
UNTIL = Parameter("query", "until_ms", "Only those made before.", TIME.schema())
AFTER = Parameter(
    "query",
    "after",
    "The `next` of the page before; without it the list begins with the newest job.",
    {"type": "string", "pattern": "^[0-9a-f-]{0,36}$"},
)


def limit_up_to(limit: Whole) -> Parameter:
    schema = limit.schema() | {"default": USUAL_LIMIT}
    return Parameter("query", "limit", "How many at most.", schema)


# --- each raises BadField ------------------------------------------------------------------------


def limit_in(query: Mapping[str, str], limit: Whole) -> int:
    given = query.get("limit")
    return USUAL_LIMIT if given is None else limit.read(GivenValue("limit", given))


def states_in(query: Mapping[str, str]) -> frozenset[State] | None:
    text = query.get("state")
    if text is None:
        return None
    named = [each.strip() for each in text.split(",")]
    wrong = next((each for each in named if each not in set(State)), None)
    if wrong is not None:
        raise BadField("state", f"some of {', '.join(State)}", wrong)
    return frozenset(map(State, named))


def name_in(query: Mapping[str, str], name: str, most_chars: int = MOST_NAME_CHARS) -> str | None:
    value = query.get(name)
    if value is not None and not 0 < len(value) <= most_chars:
        raise BadField(name, f"1 to {most_chars} characters", value)
    return value


def time_in(query: Mapping[str, str], name: str) -> int | None:
    given = query.get(name)
    return None if given is None else TIME.read(GivenValue(name, given))


def after_in(query: Mapping[str, str]) -> str | None:
    value = query.get("after") or None
    if value is not None and not (len(value) <= 36 and set(value) <= set("0123456789abcdef-")):
        raise BadField("after", "the `next` of a page", value)
    return value
