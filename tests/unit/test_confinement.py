"""The programs that open strangers' files: no key, no new rights, no network, and less memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from unstill.system.machine import Confinement

PHOTO = Path(__file__).parents[2] / "photos" / "chelsea.jpg"
SECRETS = {
    "UNSTILL_API_KEYS": "team-a:sk-secret-1",
    "UNSTILL_WEBHOOK_SECRET": "whsec_secret2",
    "DASHSCOPE_API_KEY": "sk-secret-3",
}

# A server with secrets in its environment, and what the system says of its warm child.
SERVER = """
import asyncio, json, os, sys
from pathlib import Path
from msgspec.structs import asdict
from unstill.engines.camera import Camera
from unstill.domain.engine import Scene
from unstill.media.facade import Media
from unstill.media.tasks import FrameCheck
from unstill.domain.request import Frame, Size, VideoRequest

def of_child():
    for folder in Path("/proc").iterdir():
        try:
            status = (folder / "status").read_text()
        except OSError:
            continue
        if f"PPid:\\t{os.getpid()}\\n" in status:
            environment = (folder / "environ").read_bytes().decode()
            networks = (folder / "net" / "dev").read_text()
            return [environment, status, networks]

async def main(kind, photo, folder):
    if kind == "media":
        children = Media(size=1)
        await children.check_frame(FrameCheck(photo, "image", 100, 3.0))
    else:
        children = Camera("camera", slots=1)
        request = VideoRequest(
            model="wan2.7-i2v", prompt="push in", first_frame=Frame("first", "image"),
            duration_s=1, frame_rate=24, seed=1,
        )
        out = Path(folder) / "video-1.part"
        scene = Scene("job", request, Size(256, 144), {"first": Path(photo)}, out)
        await children.render(scene, lambda _: None)
    print(json.dumps([of_child(), asdict(children.confinement)]))
    await children.close()

asyncio.run(main(*sys.argv[1:]))
"""


def children_of_a_server(
    kind: str, folder: Path, *, before: str = ""
) -> tuple[list[str], Confinement]:
    """Environment, status and networks of a warm child, and what it has said of itself."""
    shell = ("/bin/sh", "-c", f'{before}\nexec "$0" "$@"')
    done = subprocess.run(
        [*shell, sys.executable, "-c", SERVER, kind, str(PHOTO), str(folder)],
        env=os.environ | SECRETS,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    last_line = done.stdout.splitlines()[-1]
    return msgspec.json.decode(last_line, type=tuple[list[str], Confinement])


@pytest.mark.parametrize("kind", ["media", "camera"])
def test_a_child_has_no_key_no_way_to_new_rights_and_no_network(kind: str, tmp_path: Path) -> None:
    (environment, status, networks), said = children_of_a_server(kind, tmp_path)

    assert "secret" not in environment
    assert "UNSTILL" not in environment
    assert "PATH=" in environment
    assert "NoNewPrivs:\t1\n" in status
    assert said.no_new_privileges
    interfaces = [line.split(":")[0].strip() for line in networks.splitlines()[2:]]
    assert (interfaces == ["lo"]) >= said.no_network


def test_children_work_under_a_limit_on_addresses_that_is_lower_than_their_own(
    tmp_path: Path,
) -> None:
    _, said = children_of_a_server("media", tmp_path, before="ulimit -v 2000000")

    assert said.address_space_bytes == 2_000_000 * 1024
