"""OpenAI's error envelope, shared by the routes that follow OpenAI's shapes."""

from __future__ import annotations

import msgspec

from unstill.domain.access_errors import OverLimit
from unstill.domain.errors import BadKey, CallerError, UnstillError


class ErrorBody(msgspec.Struct, frozen=True):
    message: str
    type: str
    param: str | None
    code: str


class Error(msgspec.Struct, frozen=True):
    """OpenAI, error object: all four keys are required."""

    error: ErrorBody


def enveloped(error: UnstillError) -> Error:
    """The error with the caller's field in `param`."""
    return Error(ErrorBody(error.message, _type(error), getattr(error, "param", None), error.code))


def _type(error: UnstillError) -> str:
    match error:
        case BadKey():
            return "authentication_error"
        case OverLimit():
            return "rate_limit_error"
        case CallerError():
            return "invalid_request_error"
        case _:
            return "server_error"
