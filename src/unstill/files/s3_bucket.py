"""A bucket of S3 or of a storage that speaks like it, by obstore. Needs the `s3` extra.

All that is asked of it is here, and all that goes wrong with it is a StorageFailed that names
neither the bucket nor its address: it is told to callers. Where it is and how it is asked, the
variables of AWS say (`AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID` and the like), which obstore reads.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

import msgspec
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from unstill.domain.errors import BadSetting, StorageFailed
from unstill.files.port import storage_errors

if TYPE_CHECKING:  # they are types alone
    from obstore import GetOptions, ObjectMeta
    from obstore.store import S3Config

# What is as large as that goes in one request, which can be made to fail where there is something
# already; what is larger goes in parts, of which so many are in memory at once.
ONE_PUT_BYTES = 8 * 1024 * 1024
PARTS_AT_ONCE = 2
DELETED_AT_ONCE = 1000  # S3, DeleteObjects
LISTED_AT_ONCE = 1000  # S3, ListObjectsV2
# A small question is answered by then, or the bucket is away; a part of a file may take longer.
ANSWERS_WITHIN_S = 5.0
CHECKED_WITHIN_S = 3.0  # a balancer's probe waits for it
ONE_PUT_WITHIN_S = 20.0  # a caller waits for it
REQUEST_WITHIN = timedelta(seconds=60)
# Whoever asks tries again himself, with longer pauses.
RETRIES = 2
RETRIED_WITHIN = timedelta(seconds=10)

ENDPOINT, ALLOW_HTTP = "AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP"
# The rest of them obstore reads itself: roles, web identities, session tokens.
VARIABLES = {
    ENDPOINT: "endpoint",
    "AWS_ACCESS_KEY_ID": "access_key_id",
    "AWS_SECRET_ACCESS_KEY": "secret_access_key",
    "AWS_REGION": "region",
}

# HTTP_PROXY and the like stay unused, as for all other calls (docs/decisions/066): a proxy of its
# own takes their place in the client, and every name and address is an exception to it.
NO_PROXY, PAST_PROXIES = "http://127.0.0.1:9", "*,0.0.0.0/0,::/0"

_STATUS = re.compile(r"status code: (\d{3})")


class TakenKey(Exception):
    """There is an object of that key already; never told to a caller."""


class FoundObject(msgspec.Struct, frozen=True):
    """What a bucket says of an object of it."""

    key: str
    size_bytes: int
    changed_s: float  # unix time, in whole seconds
    tag: str | None  # another one whenever the object was put anew


class S3Bucket:
    """Objects by key, below a prefix."""

    def __init__(self, bucket: str, prefix: str, environment: Mapping[str, str]) -> None:
        """Raises BadSetting where the variables of AWS make no sense."""
        given = {name: environment[of] for of, name in VARIABLES.items() if of in environment}
        is_plain = environment.get(ENDPOINT, "").lower().startswith("http://")
        allows_http = environment.get(ALLOW_HTTP, "").lower() in {"1", "true", "yes", "on"}
        if is_plain and not allows_http:
            raise BadSetting(ALLOW_HTTP, f"must be true where {ENDPOINT} begins with http://")
        config: S3Config = {
            # By a copy that fails where there is something: also for what went in parts.
            "copy_if_not_exists": "multipart",
            **given,  # type: ignore[typeddict-item]  # by their names in VARIABLES
        }
        try:
            self._store = S3Store(
                bucket,
                prefix=prefix or None,
                config=config,
                client_options={
                    "timeout": REQUEST_WITHIN,
                    "allow_http": allows_http,
                    "proxy_url": NO_PROXY,
                    "proxy_excludes": PAST_PROXIES,
                },
                retry_config={"max_retries": RETRIES, "retry_timeout": RETRIED_WITHIN},
            )
        except (BaseError, ValueError) as error:
            first = str(error).splitlines()[0]
            raise BadSetting("server.files", f"the AWS_ variables do not do: {first}") from error

    async def find(self, key: str) -> FoundObject | None:
        async with _answered():
            try:
                return _found(await self._store.head_async(key))
            except FileNotFoundError:
                # As a bucket says that is not there; a list tells the two apart.
                beside = await self._listed(_folder(key))
                return next((each for each in beside if each.key == key), None)

    async def read(self, key: str) -> bytes | None:
        """All of a small object."""
        async with _answered():
            try:
                return bytes(await (await self._store.get_async(key)).bytes_async())
            except FileNotFoundError:
                await self._listed(_folder(key))
                return None

    async def read_range(self, found: FoundObject, start: int, size_bytes: int) -> bytes:
        """Raises StorageFailed if the object is no longer the one that was found."""
        async with _answered():
            return await self._range(found, start, size_bytes)

    async def fetch(self, key: str, path: Path) -> None:
        """Write the object to a file of this machine, if there is one."""
        found = await self.find(key)
        if found is None:
            return
        with storage_errors():
            file = await asyncio.to_thread(path.open, "wb")
        with file:
            # By the piece: one request for all of a large file would not be over in time.
            for start in range(0, found.size_bytes, ONE_PUT_BYTES):
                size_bytes = min(ONE_PUT_BYTES, found.size_bytes - start)
                piece = await self._range(found, start, size_bytes)
                with storage_errors():
                    await asyncio.to_thread(file.write, piece)

    async def put(self, key: str, data: bytes) -> None:
        """Put it whole, in place of what is there."""
        async with _answered(ONE_PUT_WITHIN_S):
            await self._store.put_async(key, data, use_multipart=False)

    async def create(self, key: str, data: bytes) -> None:
        """Raises TakenKey if there is something already."""
        async with _answered(ONE_PUT_WITHIN_S):
            await self._store.put_async(key, data, mode="create")

    async def put_file(self, key: str, path: Path) -> None:
        with _troubles():
            await self._store.put_async(
                key, path, chunk_size=ONE_PUT_BYTES, max_concurrency=PARTS_AT_ONCE
            )

    async def create_file(self, key: str, path: Path) -> None:
        """Raises TakenKey if there is something already."""
        with storage_errors():
            size_bytes = (await asyncio.to_thread(path.stat)).st_size
            if size_bytes <= ONE_PUT_BYTES:
                await self.create(key, await asyncio.to_thread(path.read_bytes))
                return
        # No condition is to be had on what goes in parts: it goes beside its place first.
        draft = f"{_folder(key)}/.{key.rpartition('/')[2]}.{token_hex(8)}"
        await self.put_file(draft, path)
        try:
            await self.create_copy(draft, key)
        finally:
            with suppress(StorageFailed):  # it goes with its folder
                await self.delete([draft])

    async def create_copy(self, source: str, key: str) -> None:
        """Raises TakenKey if there is something already."""
        with _troubles():
            await self._store.copy_async(source, key, overwrite=False)

    async def copy(self, source: str, key: str) -> None:
        with _troubles():
            await self._store.copy_async(source, key)

    async def delete(self, keys: Sequence[str]) -> None:
        """Those that there are."""
        for first in range(0, len(keys), DELETED_AT_ONCE):
            async with _answered():
                with suppress(FileNotFoundError):
                    await self._store.delete_async(keys[first : first + DELETED_AT_ONCE])

    async def under(self, folder: str) -> list[FoundObject]:
        """All objects in a small folder, those in folders of it too."""
        async with _answered():
            return await self._listed(folder)

    async def all_under(
        self, folder: str, *, after: str = ""
    ) -> AsyncIterator[Sequence[FoundObject]]:
        """The same of a large one, by a request for some hundreds, in the order of their keys."""
        with _troubles():
            async for some in self._store.list_async(
                folder, offset=after or None, chunk_size=LISTED_AT_ONCE
            ):
                yield [_found(each) for each in some]

    async def folders_in(self, folder: str) -> list[str]:
        """The names of the folders right in it, of which there are few."""
        async with _answered():
            listed = await self._store.list_with_delimiter_async(folder)
            return [prefix.rpartition("/")[2] for prefix in listed["common_prefixes"]]

    async def check(self) -> None:
        """Raises StorageFailed if the bucket does not answer, or may not be read."""
        async with _answered(CHECKED_WITHIN_S):
            await self._listed("health")

    async def _range(self, found: FoundObject, start: int, size_bytes: int) -> bytes:
        options: GetOptions = {"range": (start, start + size_bytes)}
        if found.tag is not None:
            options["if_match"] = found.tag
        with _troubles():
            try:
                got = await self._store.get_async(found.key, options=options)
                return bytes(await got.bytes_async())
            except (FileNotFoundError, PreconditionError) as error:
                raise StorageFailed("the file is being replaced, or has just gone") from error

    async def _listed(self, folder: str) -> list[FoundObject]:
        found = await self._store.list_async(folder, chunk_size=LISTED_AT_ONCE).collect_async()
        return [_found(each) for each in found]


def _found(said: ObjectMeta) -> FoundObject:
    return FoundObject(said["path"], said["size"], said["last_modified"].timestamp(), said["e_tag"])


def _folder(key: str) -> str:
    return key.rpartition("/")[0]


@asynccontextmanager
async def _answered(within_s: float = ANSWERS_WITHIN_S) -> AsyncIterator[None]:
    """A question that is answered soon, or the bucket is away."""
    try:
        async with asyncio.timeout(within_s):
            with _troubles():
                yield
    except TimeoutError as error:
        raise StorageFailed("the storage of the files does not answer in time") from error


@contextmanager
def _troubles() -> Iterator[None]:
    """Turn what the storage says into what a caller can be told."""
    try:
        yield
    except AlreadyExistsError as error:
        raise TakenKey from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise StorageFailed("the storage of the files refuses this server's key") from error
    except FileNotFoundError as error:  # what was to be written has no place: no bucket
        raise StorageFailed("the storage of the files has no such bucket or object") from error
    except BaseError as error:
        raise StorageFailed(_told(str(error))) from error


def _told(what: str) -> str:
    status = _STATUS.search(what)
    if status is not None:
        return f"the storage of the files answered {status[1]}"
    return "the storage of the files cannot be reached, or broke off"
