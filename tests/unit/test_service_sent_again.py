"""The service: a create call that is sent again gives its job, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from support.jobs import OWNER
from support.scripted_fetches import PNG
from support.scripted_house import House, opened
from unstill.domain.errors import BadField, KeyReused, NoSuchJob, StorageFull
from unstill.domain.job import State
from unstill.domain.owner import Owner
from unstill.domain.request import CreateCall, GivenFrame, GivenValue
from unstill.service.idempotency import RETRY_WITHIN_MS, RetryHeaders
from unstill.service.jobs import Submission

KEYED = RetryHeaders("k", is_retry=False)
FIRST = RetryHeaders(None, is_retry=False)
RETRY = RetryHeaders(None, is_retry=True)


async def submit(
    house: House, retry: RetryHeaders | None, *, duration: object = 5, picture: bytes = PNG
) -> Submission:
    create_call = CreateCall(
        model=GivenValue("model", "wan2.7-i2v"),
        fields={"duration": GivenValue("seconds", duration)},
        frames=(GivenFrame("first", "input_reference", picture),),
        names={},
        unknown=("style",),
    )
    return await house.service.submit(
        create_call, owner=Owner(OWNER), dialect="videos", words="openai", retry=retry
    )


def kept_folders(house: House) -> set[str]:
    """Jobs that have files."""
    return {path.parent.name for path in house.data_dir.glob("jobs/*/*/*")}


async def test_a_key_gives_the_same_job_and_keeps_the_pictures_once(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        first = await submit(house, KEYED)
        again = await submit(house, KEYED, duration="5")

        assert again == first
        assert again.ignored == ("style",)
        assert kept_folders(house) == {first.job.id}


async def test_a_job_that_has_ended_is_given_as_it_ended(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        first = await submit(house, KEYED)
        ended = await house.until(first.job.id)
        again = await submit(house, KEYED)

        assert again.job == ended
        assert ended.state is State.SUCCEEDED
        assert len(house.engine.scenes) == 1


@pytest.mark.parametrize("change", [{"duration": 6}, {"picture": PNG + b"other"}])
async def test_a_key_with_other_fields_is_refused_and_keeps_no_pictures(
    tmp_path: Path, change: dict[str, object]
) -> None:
    async with opened(tmp_path, serves=False) as house:
        first = await submit(house, KEYED)

        with pytest.raises(KeyReused) as refused:
            await submit(house, KEYED, **change)  # type: ignore[arg-type]
        assert (refused.value.status, refused.value.param) == (422, "Idempotency-Key")
        assert kept_folders(house) == {first.job.id}


async def test_a_refused_call_does_not_use_up_its_key(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        house.store.has_room = False
        with pytest.raises(StorageFull):
            await submit(house, KEYED)
        house.store.has_room = True

        stored = await submit(house, KEYED, duration=6)

        assert kept_folders(house) == {stored.job.id}


@pytest.mark.parametrize("sendings", [(KEYED, KEYED), (FIRST, RETRY)], ids=["key", "retry"])
async def test_what_no_engine_would_take_any_more_is_still_found(
    tmp_path: Path, sendings: tuple[RetryHeaders, RetryHeaders]
) -> None:
    async with opened(tmp_path, serves=False) as house:
        first = await submit(house, sendings[0])
        house.engine.refusal = BadField("duration", "8", 5)
        again = await submit(house, sendings[1])

        assert again == first
        assert kept_folders(house) == {first.job.id}


async def test_a_key_of_a_job_that_no_engine_would_take_refuses_other_fields(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, serves=False) as house:
        await submit(house, KEYED)
        house.engine.refusal = BadField("duration", "8", 5)

        with pytest.raises(KeyReused):
            await submit(house, KEYED, duration=6)


@pytest.mark.parametrize("retry", [None, KEYED, FIRST, RETRY])
async def test_what_no_engine_takes_is_refused_where_there_is_no_earlier_call(
    tmp_path: Path, retry: RetryHeaders | None
) -> None:
    async with opened(tmp_path, serves=False) as house:
        house.engine.refusal = BadField("duration", "8", 5)

        with pytest.raises(BadField, match="seconds"):
            await submit(house, retry)
        assert kept_folders(house) == set()


async def test_a_deleted_job_is_not_made_again_under_its_key(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        first = await submit(house, KEYED)
        await house.service.delete(first.job.id, Owner(OWNER))

        with pytest.raises(NoSuchJob, match=first.job.id):
            await submit(house, KEYED)
        assert kept_folders(house) == set()


async def test_many_calls_at_once_with_one_key_make_one_job(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        answers = await asyncio.gather(*(submit(house, KEYED) for _ in range(20)))

        assert len({answer.job.id for answer in answers}) == 1
        assert kept_folders(house) == {answers[0].job.id}
        assert house.names(answers[0].job.id) == {"first-frame", ".begun"}


async def test_a_retry_finds_its_first_try_for_fifteen_minutes(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        first = await submit(house, FIRST)
        house.late_ms = RETRY_WITHIN_MS - 10_000
        in_time = await submit(house, RETRY)
        house.late_ms = RETRY_WITHIN_MS + 10_000
        too_late = await submit(house, RETRY)

        assert RETRY_WITHIN_MS == 15 * 60 * 1000
        assert in_time == first
        assert too_late.job.id != first.job.id


async def test_a_retry_with_other_fields_is_another_job(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        first = await submit(house, FIRST)

        assert (await submit(house, RETRY, duration=6)).job.id != first.job.id


@pytest.mark.parametrize("retry", [FIRST, None], ids=["first try", "plain"])
async def test_equal_calls_that_are_no_retries_are_so_many_jobs(
    tmp_path: Path, retry: RetryHeaders | None
) -> None:
    async with opened(tmp_path, serves=False) as house:
        ids = {(await submit(house, retry)).job.id for _ in range(3)}

        assert len(ids) == 3


async def test_a_call_sent_again_gives_its_job_though_the_disk_takes_no_new_ones(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, serves=False) as house:
        first = await submit(house, KEYED)
        house.has_room = False

        assert await submit(house, KEYED) == first
        with pytest.raises(StorageFull):
            await submit(house, FIRST)
