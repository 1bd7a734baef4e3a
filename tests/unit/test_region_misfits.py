"""A region is refused by each engine that cannot be told where to move, before it is paid."""

from __future__ import annotations

import pytest

from support.profiles import a_profile
from support.requests import WAN22
from support.upstream_requests import request
from unstill.domain.errors import BadField
from unstill.domain.request import MarkedRegion, RegionKind
from unstill.engines.camera import Camera
from unstill.engines.diffusers.elsewhere import DiffusersElsewhere
from unstill.engines.diffusers.misfits import misfit_of
from unstill.engines.diffusers.options import PipelineOptions
from unstill.engines.fal import models as fal
from unstill.engines.modelverse import models as modelverse
from unstill.engines.openai_videos import servers
from unstill.upstreams import ark_models as ark
from unstill.upstreams import dashscope_models as dashscope

PLAIN = request(WAN22)
MARKED = request(WAN22, regions=(MarkedRegion(RegionKind.WATER, ((0.0, 0.5, 1.0, 1.0),)),))


def is_the_regions(misfit: BadField | None) -> bool:
    return misfit is not None and misfit.param == "region" and "absent" in misfit.allowed


@pytest.mark.parametrize("model", dashscope.MODELS)
def test_dashscope_refuses_it(model: str) -> None:
    assert is_the_regions(dashscope.misfit(dashscope.MODELS[model], MARKED))
    assert not is_the_regions(dashscope.misfit(dashscope.MODELS[model], PLAIN))


@pytest.mark.parametrize("model", modelverse.MODELS)
def test_modelverse_refuses_it(model: str) -> None:
    assert is_the_regions(modelverse.misfit(modelverse.MODELS[model], MARKED))
    assert not is_the_regions(modelverse.misfit(modelverse.MODELS[model], PLAIN))


@pytest.mark.parametrize("model", fal.MODELS)
def test_fal_refuses_it(model: str) -> None:
    assert is_the_regions(fal.misfit(fal.MODELS[model], MARKED))
    assert not is_the_regions(fal.misfit(fal.MODELS[model], PLAIN))


@pytest.mark.parametrize("model", ark.MODELS)
def test_ark_refuses_it(model: str) -> None:
    assert is_the_regions(ark.misfit(ark.MODELS[model], MARKED))
    assert not is_the_regions(ark.misfit(ark.MODELS[model], PLAIN))


@pytest.mark.parametrize("kind", servers.SERVERS)
def test_servers_of_videos_refuse_it(kind: servers.ServerKind) -> None:
    assert is_the_regions(servers.misfit(servers.SERVERS[kind], "", MARKED))
    assert not is_the_regions(servers.misfit(servers.SERVERS[kind], "", PLAIN))


def test_open_weights_refuse_it_here_and_elsewhere() -> None:
    elsewhere = DiffusersElsewhere("gpu", models=(WAN22,), slots=1)
    for asked, is_refused in ((MARKED, True), (PLAIN, False)):
        here = misfit_of(
            asked, models=(WAN22,), options=PipelineOptions(path=""), profile=a_profile()
        )
        assert is_the_regions(here) is is_the_regions(elsewhere.misfit(asked)) is is_refused


def test_the_camera_takes_it() -> None:
    assert Camera("camera", slots=1).misfit(MARKED) is None
