"""How an operator's graph is read and filled, and what ComfyUI's answers come to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.kinds.comfyui import GRAPH
from support.requests import WAN22
from support.upstream_requests import HD, LAST, request
from unstill.domain.errors import BadSetting
from unstill.engines.comfyui.answers import (
    SURELY_ARRIVED_S,
    place_in,
    settled,
    submission_of,
    verdict_of,
)
from unstill.engines.comfyui.graph import (
    MOST_GRAPH_BYTES,
    NEEDED,
    ComfyUiGraph,
    checked_graph,
    filled,
    misfit,
    read_graph,
    values_of,
)
from unstill.upstreams.port import (
    Accepted,
    Busy,
    Done,
    Doubt,
    Failed,
    Gone,
    Refused,
    Rejected,
    Running,
    Waiting,
    not_taken,
)
from unstill.upstreams.replies import Odd, Reply
from unstill.upstreams.vocabulary import BUILT_IN

KEY = "0b1c7f3e-2f43-4c8e-9d1b-4f7a3c1d2e5f"
NODES = json.loads(GRAPH.read_text("utf-8"))


def graph(*placeholders: str) -> ComfyUiGraph:
    inputs = {name: f"{{{name}}}" for name in (*NEEDED, *placeholders)}
    return checked_graph({"1": {"class_type": "All", "inputs": inputs}}, "g")


def reply(status: int, /, **body: Any) -> Reply:
    return Reply(status, msgspec.json.encode(body))


def test_a_graph_is_filled_with_numbers_and_texts_in_their_places() -> None:
    values = values_of(request(WAN22), {"first": "a.jpg"}, HD, fps=16, key=KEY)
    sent = filled(NODES, values)

    assert sent["4"]["inputs"]["image"] == "a.jpg"
    assert sent["5"]["inputs"] == {"text": "walk", "clip": ["2", 0]}
    assert sent["6"]["inputs"]["text"] == ""
    size = {name: sent["7"]["inputs"][name] for name in ("width", "height", "length")}
    assert size == {"width": 1280, "height": 720, "length": 81}
    assert (sent["8"]["inputs"]["seed"], sent["10"]["inputs"]["fps"]) == (7, 16)
    assert "{prompt}" in json.dumps(NODES)  # the operator's own stays as it is


def test_what_stands_in_a_value_is_not_filled_in_again() -> None:
    asked = request(WAN22, prompt="a {seed} and {x}")
    values = values_of(asked, {"first": "a.jpg"}, HD, fps=16, key=KEY)

    assert filled("best, {prompt}, {width}px {y}", values) == ("best, a {seed} and {x}, 1280px {y}")


def test_a_seed_that_nobody_chose_is_the_same_for_the_same_call() -> None:
    asked = request(WAN22, seed=None)
    one, two = (values_of(asked, {}, HD, fps=16, key=KEY)["seed"] for _ in range(2))

    assert one == two
    assert 0 <= int(one) < 2**31


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is no JSON"),
        ("{}", "must be nodes"),
        ("[]", "must be nodes"),
        ('{"1": {"class_type": "A"}}', "must be nodes"),
        ('{"nodes": [], "links": []}', "export it in the API format"),
        (GRAPH.read_text("utf-8").replace("{prompt}", "x"), "has no {prompt}"),
        (GRAPH.read_text("utf-8").replace("{first_frame}", "x"), "has no {first_frame}"),
        (GRAPH.read_text("utf-8").replace("{frames}", "81"), "has no {frames}"),
        (" " * (MOST_GRAPH_BYTES + 1), "has more than"),
    ],
)
def test_a_graph_that_cannot_be_filled_stops_the_start(
    tmp_path: Path, text: str, reason: str
) -> None:
    file = tmp_path / "graph.json"
    file.write_text(text, "utf-8")

    with pytest.raises(BadSetting, match="g") as caught:
        read_graph(str(file), "engines.gpu1.graph")
    assert caught.value.setting == "engines.gpu1.graph"
    assert reason in caught.value.message


def test_a_graph_in_another_encoding_or_without_end_is_told_so(tmp_path: Path) -> None:
    file = tmp_path / "graph.json"
    file.write_bytes(GRAPH.read_bytes().replace(b"{prompt}", "{prompt} été".encode("latin-1")))
    with pytest.raises(BadSetting, match="is not UTF-8: save it so"):
        read_graph(str(file), "engines.gpu1.graph")

    file.write_text('{"1":' * 20_000, "utf-8")
    with pytest.raises(BadSetting, match="is no JSON"):
        read_graph(str(file), "engines.gpu1.graph")


def test_a_graph_that_is_not_there_stops_the_start_and_one_of_the_most_bytes_does_not(
    tmp_path: Path,
) -> None:
    with pytest.raises(BadSetting, match="cannot be read"):
        read_graph(str(tmp_path / "none.json"), "engines.gpu1.graph")
    file = tmp_path / "graph.json"
    file.write_text(GRAPH.read_text("utf-8").ljust(MOST_GRAPH_BYTES), "utf-8")

    assert read_graph(str(file), "s").has == {*NEEDED, "negative_prompt", "seed", "fps"}


@pytest.mark.parametrize(
    ("placeholders", "changes", "param"),
    [
        ((), {}, None),
        ((), {"negative_prompt": "blur"}, "negative_prompt"),
        (("negative_prompt",), {"negative_prompt": "blur"}, None),
        ((), {"last_frame": LAST}, LAST.param),
        (("last_frame",), {"last_frame": LAST}, None),
        (("last_frame",), {}, "last_frame"),
        ((), {"watermark": True}, "watermark"),
        ((), {"generate_audio": True}, "generate_audio"),
        ((), {"generate_audio": False}, None),
    ],
)
def test_what_a_graph_has_no_place_for_is_a_misfit(
    placeholders: tuple[str, ...], changes: dict[str, Any], param: str | None
) -> None:
    found = misfit(graph(*placeholders), request(WAN22, **changes))

    assert (None if found is None else found.param) == param


ERROR = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation"}
OF_NODE = {
    "4": {
        "class_type": "LoadImage",
        "errors": [{"message": "Invalid image", "details": "x.jpg"}],
    }
}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(200, prompt_id=KEY, number=1, node_errors={}), Accepted),
        (reply(400, error=ERROR, node_errors=OF_NODE), Rejected),
        (reply(400, error={"type": "no_prompt", "message": "No prompt"}), Rejected),
        (reply(500, error="oops"), Doubt),
        (reply(503, error="oops"), Doubt),
        (reply(401, error="Unauthorized"), Refused),
        (reply(429, error="slow down"), Busy),
        (Reply(404, b"404: Not Found"), Doubt),
        (reply(200, number=1), Doubt),
    ],
)
def test_what_an_answer_to_a_submit_comes_to(answer: Reply, kind: type) -> None:
    assert type(submission_of(answer, BUILT_IN)) is kind


def test_a_refused_graph_names_its_node() -> None:
    assert submission_of(reply(400, error=ERROR, node_errors=OF_NODE), BUILT_IN) == Rejected(
        "prompt_outputs_failed_validation", "node 4 (LoadImage): Invalid image: x.jpg"
    )


def queue(*, running: tuple[str, ...] = (), pending: tuple[str, ...] = ()) -> Reply:
    def items(keys: tuple[str, ...]) -> list[list[Any]]:
        return [[1, key, {}, {}, []] for key in keys]

    return reply(200, queue_running=items(running), queue_pending=items(pending))


NOWHERE, EMPTY = queue(pending=("other",)), reply(200)


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        (queue(running=(KEY,)), Running()),
        (queue(running=("other",), pending=("more", KEY)), Waiting()),
        (NOWHERE, None),
    ],
)
def test_a_place_in_the_queue(answer: Reply, place: object) -> None:
    assert place_in(answer, KEY) == place


@pytest.mark.parametrize(
    "answer", [reply(500), Reply(200, b"<html>"), reply(200, queue_running=[])]
)
def test_what_is_no_queue_says_nothing(answer: Reply) -> None:
    with pytest.raises(Odd):
        place_in(answer, KEY)


def ended(word: str | None, *messages: Any, **outputs: Any) -> Reply:
    status = {"status_str": word, "completed": word == "success", "messages": list(messages)}
    return Reply(200, msgspec.json.encode({KEY: {"outputs": outputs, "status": status}}))


def file(name: str, kind: str = "output") -> dict[str, str]:
    return {"filename": name, "subfolder": "v", "type": kind}


BROKEN = {"node_id": "8", "node_type": "KSampler", "exception_message": "out of memory"}
LINK = "/view?filename=a.mp4&subfolder=v&type=output"


@pytest.mark.parametrize(
    ("history", "place", "verdict"),
    [
        (EMPTY, Waiting(), Waiting()),
        (EMPTY, Running(), Running()),
        (ended("success", **{"9": {"images": [file("a.mp4")]}}), None, Done(LINK)),
        (ended("success", **{"9": {"images": [file("a.mp4")]}}), Running(), Done(LINK)),
        (
            ended(
                "success",
                **{"1": {"images": [file("a.png")]}, "2": {"gifs": [file("b.mp4", "temp")]}},
                **{"9": {"videos": [file("a.mp4")]}},
            ),
            None,
            Done(LINK),
        ),
        (
            ended("success", **{"9": {"images": [file("a.png")]}}),
            None,
            Failed("no_video", "the graph has saved no video"),
        ),
        (
            ended("error", ["execution_start", {}], ["execution_error", BROKEN]),
            None,
            Failed("failed", "node 8 (KSampler): out of memory"),
        ),
        (
            ended("error", ["execution_interrupted", {}]),
            None,
            Failed("cancelled", "the task was cancelled at the upstream"),
        ),
        (ended("error"), None, Failed("failed", "the upstream gave no reason")),
    ],
)
def test_how_a_task_stands(history: Reply, place: Any, verdict: object) -> None:
    assert verdict_of(history, KEY, place) == verdict


def test_what_is_in_neither_is_gone_and_an_unknown_state_is_odd() -> None:
    assert isinstance(verdict_of(EMPTY, KEY, None), Gone)
    with pytest.raises(Odd):
        verdict_of(ended("pondering"), KEY, None)


@pytest.mark.parametrize(
    ("waiting", "history", "age_s", "end"),
    [
        (queue(pending=(KEY,)), EMPTY, 1, Accepted(KEY)),
        (NOWHERE, ended("error"), 1, Accepted(KEY)),
        (NOWHERE, EMPTY, SURELY_ARRIVED_S, not_taken("the upstream has no such task")),
        (NOWHERE, EMPTY, SURELY_ARRIVED_S - 1, None),
        (NOWHERE, reply(500), SURELY_ARRIVED_S, None),
        (NOWHERE, Reply(200, b"<html>"), SURELY_ARRIVED_S, None),
    ],
)
def test_what_both_say_of_a_call(waiting: Reply, history: Reply, age_s: float, end: object) -> None:
    found = settled(waiting, history, KEY, age_s=age_s)

    assert isinstance(found, Doubt) if end is None else found == end
