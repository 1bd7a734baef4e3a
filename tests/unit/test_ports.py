"""A port in use: by whom, as far as the system says, and which one is free."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from unstill.domain.errors import BadSetting
from unstill.system.ports import bound, free_near, holder_of

LISTENS = (
    "import socket, sys; s = socket.create_server((sys.argv[1], 0), "
    "family=socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET); "
    "print(s.getsockname()[1], flush=True); sys.stdin.read()"
)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_process_that_has_a_port_is_named_without_its_arguments(
    tmp_path: Path, host: str
) -> None:
    program = tmp_path / "listens.py"
    program.write_text(LISTENS)
    with subprocess.Popen(
        [sys.executable, str(program), host, "--key=sk-secret"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with pytest.raises(BadSetting) as refused:
            bound(host, port, setting="server.port")
        process.communicate()

    assert refused.value.message.startswith(
        f"server.port: cannot listen on {host} port {port}: Address already in use by "
        f"listens.py, process {process.pid}; end that, or take another, such as "
    )
    assert "secret" not in refused.value.message


def test_where_the_system_does_not_say_who_it_is_the_rest_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert holder_of(port, proc=tmp_path) is None
        assert f", process {os.getpid()}" in str(holder_of(port))
    assert holder_of(port) is None


def test_a_free_port_is_near_and_can_be_had() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        free = free_near("127.0.0.1", port)

        assert free is None or port < free <= port + 50
        if free is not None:
            bound("127.0.0.1", free, setting="server.port").close()
    assert free_near("127.0.0.1", 65_535) is None


def test_another_reason_is_told_as_it_is() -> None:
    with pytest.raises(BadSetting, match=r"192\.0\.2\.1 port 0: Cannot assign requested address$"):
        bound("192.0.2.1", 0, setting="server.port")
