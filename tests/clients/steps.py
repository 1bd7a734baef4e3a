"""What a user of a client library would have seen, one JSON line per step of a program.

A step is what came (`got`), or the error that the library raised, by its classes and fields.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from openai import APIError


def step(name: str, call: Callable[[], Any]) -> Any:
    """Make the call and print what came of it; LiteLLM's errors are OpenAI's too."""
    try:
        got = call()
    except APIError as error:
        told(name, error=seen(error))
        return None
    told(name, got=got)
    return got


def told(name: str, **what: Any) -> None:
    sys.stdout.write(json.dumps({"step": name} | what, default=str) + "\n")


def seen(error: APIError) -> dict[str, Any]:
    return {
        "classes": [kind.__name__ for kind in type(error).__mro__],
        "status": getattr(error, "status_code", None),
        "message": str(error),
        "code": error.code,
        "param": error.param,
        "type": error.type,
        "request_id": getattr(error, "request_id", None),
    }
