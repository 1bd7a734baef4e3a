"""The service: what is stored before the answer, who finds what, and what is refused."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from support.jobs import OWNER, a_job
from support.read_files import bytes_of
from support.requests import URL
from support.scripted_engine import Engine
from support.scripted_fetches import PNG
from support.scripted_house import House, opened
from support.scripted_media import VIDEO
from support.unfinished_jobs import left
from unstill.domain.access_errors import ModelNotAllowed
from unstill.domain.errors import (
    BadField,
    BadImage,
    BadLink,
    BadSetting,
    MissingField,
    NoSuchJob,
    ShuttingDown,
    StorageFull,
    UnknownModel,
)
from unstill.domain.file_errors import NotReady, NoVideo
from unstill.domain.job import Job, State
from unstill.domain.owner import Owner
from unstill.domain.request import CreateCall, GivenFrame, GivenValue
from unstill.service.checked_calls import LARGE_INLINE_CHARS
from unstill.service.jobs import Service
from unstill.store.embedded.store import EmbeddedStore
from unstill.webhooks.receivers import Receivers


def word(job: Job) -> str:
    return job.state.value


def create_call(**fields: object) -> CreateCall:
    return CreateCall(
        model=GivenValue("model", fields.pop("model", "wan2.7-i2v")),
        fields={name: GivenValue(f"parameters.{name}", value) for name, value in fields.items()},
        frames=(GivenFrame("first", "input.img_url", URL),),
        names={},
    )


async def submit(house: House, request: CreateCall) -> Job:
    submitted = await house.service.submit(request, owner=OWNER, dialect="tasks", words="unified")
    return submitted.job


# --- submit -----------------------------------------------------------------------------------


async def test_what_is_answered_is_on_disk(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        submitted = await house.submitted(PNG, URL)
        other = EmbeddedStore(tmp_path / "copy")
        (tmp_path / "copy").mkdir()
        for name in ("unstill.sqlite3", "unstill.sqlite3-wal"):
            (tmp_path / "copy" / name).write_bytes((tmp_path / name).read_bytes())
        await other.open()
        stored = await other.jobs.find(submitted.job.id)
        await other.close()

        assert stored == submitted.job
        assert house.names(submitted.job.id) == {"first-frame", ".begun"}


async def test_a_job_says_which_key_made_it(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        by_key = await house.service.submit(
            create_call(), owner=OWNER, dialect="tasks", words="unified", key_id="key_1"
        )
        by_none = await submit(house, create_call())

        assert (await house.job(by_key.job.id)).key_id == "key_1"
        assert by_none.key_id == ""


async def test_a_request_row_holds_no_bytes(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        picture = PNG + b"\0" * LARGE_INLINE_CHARS  # large enough to be taken in a thread
        job = (await house.submitted(picture)).job

        assert job.request.first_frame.sha256 is not None
        assert len(str(job.request)) < 1000


async def test_nothing_is_fetched_before_the_answer(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        job_id = await house.submit(URL)

        assert (await house.job(job_id)).state is State.QUEUED
        assert house.fetcher.urls == []


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"model": "sora-9"}, UnknownModel),
        ({"duration": 99}, BadField),
        ({"prompt": ["a", "list"]}, BadField),
    ],
)
async def test_a_bad_request_leaves_nothing_behind(
    tmp_path: Path, fields: dict[str, object], error: type[BadField]
) -> None:
    async with opened(tmp_path, serves=False) as house:
        with pytest.raises(error):
            await submit(house, create_call(**fields))

        assert await left(house.store) == []
        assert not (tmp_path / "jobs").exists()


async def test_a_call_may_use_the_models_of_its_key_and_no_other(tmp_path: Path) -> None:
    mine = frozenset({"wan2.7-i2v"})
    async with opened(tmp_path, serves=False) as house:
        by = partial(house.service.submit, owner=OWNER, dialect="tasks", words="unified")
        with pytest.raises(ModelNotAllowed, match="this API key may not use 'sora-2'"):
            await by(create_call(model="sora-2"), models=mine)
        assert await left(house.store) == []

        taken = await by(create_call(model="WAN2.7-i2v"), models=mine)
        assert taken.job.model == "wan2.7-i2v"


async def test_a_request_without_a_picture_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        with pytest.raises(MissingField):
            await submit(house, CreateCall(GivenValue("model", "wan2.7-i2v"), {}, (), {}))


async def test_a_text_file_is_refused_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        with pytest.raises(BadImage, match=r"input\.first_frame_url"):
            await house.submit(b"just text")


async def test_fields_that_the_model_does_not_have_are_named(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        request = create_call(mode="pro")
        submitted = await house.service.submit(
            request, owner=OWNER, dialect="tasks", words="unified"
        )

        assert submitted.ignored == ("parameters.mode",)


async def test_an_engine_that_cannot_do_it_says_so_in_the_answer(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        house.engine.refusal = BadField("duration", "4", 5)

        with pytest.raises(BadField, match=r"parameters\.duration must be 4, got 5"):
            await house.submit()


async def test_the_first_engine_that_fits_is_taken(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        first, second = Engine("first"), Engine("second")
        first.refusal = BadField("parameters.duration", "4", 5)
        service = service_of(house, {"first": first, "second": second}, ("first", "second"))
        submitted = await service.submit(
            create_call(), owner=OWNER, dialect="tasks", words="unified"
        )

        assert submitted.job.engine == "second"


async def test_a_model_without_an_engine_is_the_operators_matter(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        service = service_of(house, {}, ())

        with pytest.raises(BadSetting, match=r'models\."wan2\.7-i2v"\.engines'):
            await service.submit(create_call(), owner=OWNER, dialect="tasks", words="unified")


def service_of(house: House, engines: dict[str, Engine], route: tuple[str, ...]) -> Service:
    return Service(
        jobs=house.store.jobs,
        job_lists=house.store.job_lists,
        attempts=house.store.attempts,
        held_jobs=house.store.held_jobs,
        store_state=house.store,
        files=house.files,
        stop_upstream=house.stop_upstream,
        catalogue=house.service.catalogue,
        engines=engines,
        routes={"wan2.7-i2v": route},
        accounts={},
        receiver_of=Receivers({}, has_secret=False).receiver_of,
        clock_ms=house.clock_ms,
        uptime_ms=house.clock_ms,
    )


async def test_a_closing_server_takes_no_jobs(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        house.service.stop_taking()

        with pytest.raises(ShuttingDown):
            await house.submit()


async def test_a_job_that_cannot_be_stored_leaves_no_pictures(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        house.store.has_room = False

        with pytest.raises(StorageFull):
            await house.submit(PNG)
        assert [path for path in (tmp_path / "jobs").rglob("*") if path.is_file()] == []


# --- find -------------------------------------------------------------------------------------


async def test_another_owners_job_is_nobodys(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        job_id = await house.submit()

        for ask in (
            house.service.find(job_id, Owner("team-b")),
            house.service.delete(job_id, Owner("team-b")),
        ):
            with pytest.raises(NoSuchJob):
                await ask
        assert (
            await house.service.page(Owner("team-b"), limit=9, after=None, newest_first=True)
        ) == (await house.service.page(Owner("nobody"), limit=9, after=None, newest_first=True))
        assert (await house.service.find(job_id, OWNER)).id == job_id


@pytest.mark.parametrize("state", [s for s in State if not s.is_final])
async def test_an_unfinished_video_is_not_ready_in_the_callers_word(
    tmp_path: Path, state: State
) -> None:
    job = a_job(state=state)
    async with opened(tmp_path, serves=False) as house:
        await house.store.jobs.add(job)

        with pytest.raises(NotReady, match=f"current status: {state.value}"):
            await house.downloads.file(job, "video", word)
        assert house.downloads.link(job) is None


async def test_a_failed_job_has_no_video_and_says_why(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.media.troubles = [BadImage("img_url", "is cut short")]
        job = await house.until(await house.submit())

        with pytest.raises(NoVideo, match="img_url: is cut short"):
            await house.downloads.file(job, "video", word)


async def test_a_link_leads_to_the_video_until_it_is_over(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        job = await house.until(await house.submit())
        link = house.downloads.link(job)
        assert link is not None
        _, _, query = link.partition("?expires=")
        expires, _, signature = query.partition("&signature=")
        owner, stored = await house.downloads.linked(job.id, "video", expires, signature)
        house.late_ms = 26 * 3600 * 1000

        assert (owner, await bytes_of(stored)) == (OWNER, VIDEO)
        with pytest.raises(BadLink, match="over since"):
            await house.downloads.linked(job.id, "video", expires, signature)


async def test_a_deleted_jobs_link_leads_nowhere(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        job = await house.until(await house.submit())
        link = house.downloads.link(job)
        assert link is not None
        expires, _, signature = link.partition("?expires=")[2].partition("&signature=")
        await house.service.delete(job.id, OWNER)

        with pytest.raises(NoSuchJob):
            await house.downloads.linked(job.id, "video", expires, signature)


# --- what cannot be ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("canonical", "callers", "got"),
    [
        ("duration", "parameters.duration", "5"),
        ("first_frame", "input.first_frame_url", "8"),
        ("input.first_frame_url", "input.first_frame_url", "8"),
        ("seed", "seed", "the model's own default, 8"),  # nobody sent it
    ],
)
async def test_what_no_engine_can_do_is_told_in_the_callers_words(
    tmp_path: Path, canonical: str, callers: str, got: str
) -> None:
    async with opened(tmp_path, serves=False) as house:
        house.engine.refusal = BadField(canonical, "5", 8)
        with pytest.raises(BadField) as error:
            await house.submit()

    assert (error.value.param, error.value.message) == (callers, f"{callers} must be 5, got {got}")


async def test_what_no_engine_can_do_is_told_as_it_was_sent(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        house.engine.refusal = BadField("size", "1280x720", "320x256")
        with pytest.raises(BadField) as error:
            await house.service.submit(
                create_call(size="320*256"), owner=OWNER, dialect="tasks", words="unified"
            )

    assert error.value.message == "parameters.size must be 1280x720, got '320*256'"


async def test_what_every_engine_needs_is_told_as_missing(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        house.engine.refusal = MissingField("prompt", "the engine's server needs one")
        with pytest.raises(MissingField) as error:
            await house.submit()

    assert error.value.message == "prompt is required: the engine's server needs one"


async def test_without_room_no_job_is_taken_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        await house.submit(PNG)
        house.has_room = False
        with pytest.raises(StorageFull, match="too little room"):
            await house.submit(PNG)
        house.has_room = True

        assert len(list(tmp_path.glob("jobs/*/*"))) == 1
        await house.submit(PNG)
