"""What the settings name, made: engines, receivers of webhooks, where files are, room and terms.

`unstill doctor` makes them too, without a product around them.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from unstill.domain.call_counts import CallCounts
from unstill.domain.engine import Local
from unstill.domain.errors import BadSetting
from unstill.domain.owner import Owner
from unstill.domain.request import VideoRequest
from unstill.domain.server_role import ALL_WORK, ServerRole, WorkKind
from unstill.engines.camera import Camera
from unstill.engines.comfyui.engine import ComfyUiEngine
from unstill.engines.diffusers import DEFAULT_MODELS, Diffusers
from unstill.engines.diffusers.elsewhere import DiffusersElsewhere
from unstill.engines.diffusers.options import PipelineOptions
from unstill.engines.openai_videos.engine import OpenAiVideosEngine
from unstill.files.data_folder import DataFolder
from unstill.files.storage import Redirects, Storage, storage_at
from unstill.net.addresses import LOOPBACK
from unstill.net.fetcher import Fetcher
from unstill.net.proxy import Proxy
from unstill.settings.engines import (
    DIRECT,
    HOSTED,
    CameraSettings,
    ComfyUiSettings,
    DiffusersSettings,
    LocalSettings,
    OpenAiVideosSettings,
    RemoteSettings,
)
from unstill.settings.keys import SIGNING_VARIABLE
from unstill.settings.reader import Settings
from unstill.settings.server import ServerSettings
from unstill.settings.tables import did_you_mean
from unstill.steps.expiry import KeepTimes
from unstill.system.clock import clock_ms as system_clock_ms
from unstill.system.machine import usable_cores
from unstill.system.tracing import NO_TRACES, Traces
from unstill.upstreams.port import Remote
from unstill.upstreams.rate_limits import Accounts
from unstill.upstreams.setup import RemoteSetup
from unstill.upstreams.vocabulary import with_own
from unstill.webhooks.deliverer import MOST_AT_ONCE
from unstill.webhooks.receivers import Receivers

OwnSettings = TypeVar("OwnSettings", bound=RemoteSettings)
OwnLocalSettings = TypeVar("OwnLocalSettings", bound=LocalSettings)


class LocalSetup(msgspec.Struct, frozen=True):
    """What every engine of this machine is made with, besides its own settings."""

    name: str  # the operator's for it
    cores: int  # that this process may use
    tells_prompt: bool  # in each file's metadata, for whoever gets the file


class LocalKind(msgspec.Struct, Generic[OwnLocalSettings], frozen=True):
    """A kind of engines of this machine: its settings, and who makes one of them."""

    settings: type[OwnLocalSettings]
    make: Callable[[LocalSetup, OwnLocalSettings], Local]
    # On a server that renders for none of it, where a machine needs something to; None: as it is.
    make_elsewhere: Callable[[LocalSetup, OwnLocalSettings], Local] | None = None


def _diffusers(setup: LocalSetup, own: DiffusersSettings) -> Diffusers:
    return Diffusers(
        setup.name,
        msgspec.convert(own, PipelineOptions, from_attributes=True),
        cores=setup.cores,
        devices=own.devices,
        allow_cpu=own.allow_cpu,
        models=own.models,
        idle_unload_s=own.idle_unload_s,
        tells_prompt=setup.tells_prompt,
    )


def _diffusers_elsewhere(setup: LocalSetup, own: DiffusersSettings) -> DiffusersElsewhere:
    models = own.models or DEFAULT_MODELS
    return DiffusersElsewhere(setup.name, models=models, slots=len(own.devices) or 1)


LOCAL_KINDS = (
    LocalKind(
        CameraSettings,
        lambda setup, own: Camera(
            setup.name,
            slots=own.slots or setup.cores,
            tells_prompt=setup.tells_prompt,
            loop=own.loop,
            compatible=own.compatible,
            depth_model=own.depth_model,
            cores=setup.cores,
        ),
    ),
    LocalKind(DiffusersSettings, _diffusers, _diffusers_elsewhere),
)


class RemoteKind(msgspec.Struct, Generic[OwnSettings], frozen=True):
    """A kind of engines on somebody else's servers: its settings, and who makes one of them."""

    settings: type[OwnSettings]
    make: Callable[[RemoteSetup, OwnSettings], Remote]


def hosted(kind: str) -> RemoteKind[RemoteSettings]:
    """A kind that has nothing of its own to set; its room is entered where one is configured."""

    def make(setup: RemoteSetup, own: RemoteSettings) -> Remote:
        del own
        room = import_module(f"unstill.engines.{kind}.engine")
        made: Remote = room.ENGINE(setup)
        return made

    return RemoteKind(HOSTED[kind], make)


REMOTE_KINDS: Sequence[RemoteKind[Any]] = (
    *map(hosted, HOSTED),
    RemoteKind(
        OpenAiVideosSettings, lambda setup, own: OpenAiVideosEngine(setup, server=own.server)
    ),
    RemoteKind(
        ComfyUiSettings,
        lambda setup, own: ComfyUiEngine(setup, graph=own.graph, fps=own.fps),
    ),
)


def locals_of(
    settings: Settings,
    kinds: Sequence[LocalKind[Any]] = LOCAL_KINDS,
    role: ServerRole = ALL_WORK,
) -> dict[str, Local]:
    """The engines of this machine, by the operator's names; `camera` is always there.

    role: what this server has to render with; the others are known as far as the settings tell.
    """
    cores, tells_prompt = usable_cores(), settings.server.prompt_in_files
    engines = {"camera": CameraSettings()} | settings.engines
    by_settings = {kind.settings: kind for kind in kinds}

    def maker(name: str, engine: LocalSettings) -> Callable[[LocalSetup, Any], Local]:
        kind = by_settings[type(engine)]
        is_here = role.does_of(name, WorkKind.RENDER)
        return kind.make if is_here or kind.make_elsewhere is None else kind.make_elsewhere

    return {
        name: maker(name, engine)(LocalSetup(name, cores, tells_prompt), engine)
        for name, engine in engines.items()
        if isinstance(engine, LocalSettings)
    }


def remotes_of(
    settings: Settings,
    fetcher: Fetcher,
    clock_ms: Callable[[], int] = system_clock_ms,
    kinds: Sequence[RemoteKind[Any]] = REMOTE_KINDS,
    counts: CallCounts | None = None,
) -> dict[str, Remote]:
    """The engines that ask somebody else's server, by the operator's names. Raises BadSetting.

    fetcher: what each has its own of, through the proxy that is set for it.
    counts: of all their calls.
    """
    accounts, counts = Accounts(), counts or CallCounts()
    makers = {kind.settings: kind.make for kind in kinds}
    return {
        name: makers[type(engine)](
            _setup(
                name,
                engine,
                accounts=accounts,
                fetcher=fetcher.through(proxy_of(engine, settings.server)),
                clock_ms=clock_ms,
                counts=counts,
                callbacks_url=callbacks_url(name, engine, settings.server),
            ),
            engine,
        )
        for name, engine in settings.engines.items()
        if isinstance(engine, RemoteSettings)
    }


def names_of(remotes: Mapping[str, Remote]) -> Callable[[str, VideoRequest], str]:
    """What an engine, by its name, calls the model of a request: one of this machine, as unstill.

    Costs are kept by these names.
    """

    def name_of(engine: str, request: VideoRequest) -> str:
        remote = remotes.get(engine)
        return request.model if remote is None else remote.upstream_model(request)

    return name_of


def _setup(
    name: str,
    engine: RemoteSettings,
    *,
    accounts: Accounts,
    fetcher: Fetcher,
    clock_ms: Callable[[], int],
    counts: CallCounts,
    callbacks_url: str,
) -> RemoteSetup:
    return RemoteSetup(
        name=name,
        base_url=engine.base_url,
        api_key=engine.api_key,
        accounts=accounts,
        fetcher=fetcher,
        models=engine.models,
        is_free_to_repeat=engine.free_to_repeat,
        poll_interval_s=engine.poll_interval_s,
        vocabulary=with_own(engine.words),
        clock_ms=clock_ms,
        counts=counts,
        callbacks_url=callbacks_url,
        callback_secret=engine.callback_secret,
    )


def callbacks_url(name: str, engine: RemoteSettings, server: ServerSettings) -> str:
    """Where an engine's upstream may call back; "": it is asked for no callbacks."""
    return f"{server.public_url.rstrip('/')}/v1/callbacks/{name}" if engine.callbacks else ""


def server_proxy(server: ServerSettings) -> Proxy | None:
    """What calls to others go through, if nothing else is said.

    This machine and the networks that the operator has opened are reached from here: to the proxy
    127.0.0.1 would be its own machine.
    """
    return Proxy(server.proxy, (*LOOPBACK, *server.networks)) if server.proxy else None


def proxy_of(engine: RemoteSettings, server: ServerSettings) -> Proxy | None:
    """What all calls of an engine go through: its own proxy before the server's."""
    if engine.proxy == DIRECT:
        return None
    return Proxy(engine.proxy) if engine.proxy else server_proxy(server)


def fetchers_of(server: ServerSettings) -> tuple[Fetcher, Fetcher]:
    """Who fetches pictures and videos, and who posts to receivers.

    Apart: names of receivers that never resolve must not hold up the callers' pictures, nor one
    owner's names those of another.
    """
    proxy = server_proxy(server)
    fetcher = Fetcher(server.networks, resolver_threads=server.pictures).through(proxy)
    post = Fetcher(server.networks, tls=fetcher.tls, resolver_threads=MOST_AT_ONCE)
    return fetcher, post.through(proxy)


def receivers_of(settings: Settings) -> Receivers:
    """Who is told of the ends of jobs. Raises BadSetting."""
    has_secret = bool(settings.webhook_secrets)
    if settings.webhooks and not has_secret:
        mend = 'export it as "whsec_$(openssl rand -base64 32)"'
        raise BadSetting(SIGNING_VARIABLE, f"is needed by [webhooks]: {mend}")
    networks = settings.server.networks
    return Receivers(settings.webhooks, has_secret=has_secret, allow_networks=networks)


def folder_of(server: ServerSettings, data_dir: Path) -> DataFolder:
    return DataFolder.in_mb(
        data_dir,
        least_free=server.least_free_mb,
        most=server.most_data_mb,
        has_videos=not server.files,
    )


def storage_of(server: ServerSettings) -> Callable[[Path], Storage]:
    """Given the data folder, where files are kept. It raises BadSetting."""
    return storage_at(server.files, redirects_of(server))


def redirects_of(server: ServerSettings) -> Redirects | None:
    """Where callers are led who ask for files; None: what they ask for is sent."""
    return Redirects(server.files_public_url) if server.file_delivery == "redirect" else None


def terms_of(server: ServerSettings) -> KeepTimes:
    """For how long what is kept for a while only."""
    return KeepTimes.in_days(
        videos=server.keep_videos_days,
        pictures=server.keep_pictures_days,
        rows=server.keep_rows_days,
    )


def traces_of(server: ServerSettings) -> Traces:
    """Raises BadSetting."""
    if server.traces == "off":
        return NO_TRACES
    try:
        # An extra, and a start without it would take a fifth of a second longer.
        from unstill.system.otlp_traces import otlp_traces  # noqa: PLC0415
    except ModuleNotFoundError as error:
        mend = 'pip install "unstill[otel]"'
        raise BadSetting("server.traces", f'"otlp" needs OpenTelemetry: {mend}') from error
    return otlp_traces()


def equal_settings(server: ServerSettings, remotes: Mapping[str, Remote]) -> Mapping[str, str]:
    """What all servers on one store need alike, as by two of it something would be lost.

    An account's slots are compared by who keeps to them, with the lanes.
    """
    own_folder = f"the folder {server.data_dir} of {socket.gethostname()}"
    accounts = {remote.account.id: remote.account for remote in remotes.values()}
    return {"server.files": server.files or own_folder} | {
        f"the pace of account {each.id}": f"{each.requests_per_s:g} requests a second"
        for each in accounts.values()
    }


def check_receivers(settings: Settings, owners: Collection[Owner]) -> None:
    """Raises BadSetting for a receiver of somebody who is none of the `owners` of keys."""
    known = sorted(owners)
    for owner in settings.webhooks:
        if owner not in known:
            reason = f"must be named for an owner of a key: {', '.join(known)}"
            raise BadSetting(f"webhooks.{owner}", f"{reason}{did_you_mean(owner, known)}")
