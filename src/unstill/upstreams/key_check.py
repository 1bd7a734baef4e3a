"""Whether an upstream lets a key in, read from an answer to a call that costs nothing. Pure."""

from __future__ import annotations

from unstill.upstreams.port import Refused, Standing
from unstill.upstreams.replies import Reply, said
from unstill.upstreams.submit_answers import Codes, is_error, judged


def standing_of(reply: Reply, codes: Codes, *, is_of_unknown: bool = False) -> Standing:
    """`is_of_unknown`: what was asked for is not there, so that a refusal of it is well."""
    told = said(reply.fields())
    words = f"{reply.status} {told.code} {told.message}".strip()
    submission = judged(reply, codes)
    if isinstance(submission, Refused) and submission.of_account:
        return Standing(False, words)
    if reply.status < 400 and not reply.is_json:
        return Standing(None, reply.head)
    if not is_error(reply):
        return Standing(True, words)
    is_answered = is_of_unknown and 400 <= reply.status < 500 and bool(reply.fields())
    return Standing(True if is_answered else None, words)
