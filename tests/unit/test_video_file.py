from __future__ import annotations

from contextlib import ExitStack

import pytest

from unstill.domain.errors import Overloaded
from unstill.server.video_file import Openings


def test_no_address_has_more_downloads_than_it_leaves_to_others() -> None:
    openings = Openings(8)
    with ExitStack() as going_on:
        for n in range(4):
            going_on.enter_context(openings.one(address="192.0.2.1", job_id=f"job-{n}"))

        with pytest.raises(Overloaded, match="from your address"):
            going_on.enter_context(openings.one(address="192.0.2.1", job_id="job-9"))
        going_on.enter_context(openings.one(address="192.0.2.2", job_id="job-9"))

    with openings.one(address="192.0.2.1", job_id="job-9"):
        pass


def test_no_video_has_more_downloads_than_it_leaves_to_others() -> None:
    openings = Openings(8)
    with ExitStack() as going_on:
        for n in range(4):
            going_on.enter_context(openings.one(address=f"192.0.2.{n}", job_id="job"))

        with pytest.raises(Overloaded, match="of this video"):
            going_on.enter_context(openings.one(address="192.0.2.9", job_id="job"))
        # Who was refused holds nothing.
        for n in range(2):
            going_on.enter_context(openings.one(address="192.0.2.9", job_id=f"other-{n}"))
