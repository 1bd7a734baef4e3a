"""The programs that the screen Make shows: each runs as it is copied, and asks for the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from console.conftest import KeyedServing
from support.browsing import Visits
from support.made_videos import (
    CHELSEA,
    DURATION_S,
    HEIGHT,
    MODEL,
    ROCKET,
    WIDTH,
    ask_for_a_small_one,
    choose,
    expect_to_play,
    make_button,
    runs,
)
from support.node_sdk import MODULES, node_with_sdk
from support.servers import Serving

# What a shell, Python, JavaScript and curl's forms each read in their own way.
PROMPT = """it's a "slow" push in; type=x\\\\n
@photo.jpg $HOME `id` ${HOME} 推进 %41 &amp;"""
SEED = 7
CLIENTS = {
    "curl": "make.sh",
    "OpenAI SDK, Python": "make.py",
    "OpenAI SDK, Node": "make.mjs",
    "DashScope SDK": "make.py",
}
WITHIN_S = 100


def interpreter(client: str) -> str:
    if client == "curl":
        return "bash"
    return node_with_sdk() if client.endswith("Node") else sys.executable


def copied(page: Page) -> dict[str, str]:
    """All programs, by the buttons that copy them."""
    page.get_by_text("The same as a program").first.click()
    programs = {}
    for client in CLIENTS:
        page.get_by_role("tab", name=client).click()
        page.get_by_role("tabpanel").get_by_role("button", name="Copy").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        programs[client] = str(page.evaluate("navigator.clipboard.readText()"))
        expect(page.get_by_role("button", name="Copied")).to_have_count(0)
    return programs


def run(client: str, program: str, folder: Path, environment: dict[str, str]) -> str:
    copyfile(CHELSEA, folder / "photo.jpg")
    copyfile(ROCKET, folder / "last.jpg")
    if client.endswith("Node"):
        (folder / "node_modules").symlink_to(MODULES)
    file = folder / CLIENTS[client]
    file.write_text(program)
    done = subprocess.run(
        [interpreter(client), str(file)],
        cwd=folder,
        env=os.environ | {"PYTHONWARNINGS": "ignore"} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
    )
    assert done.returncode == 0, (program, done.stdout, done.stderr)
    return done.stdout


def newest(server: Serving, key: str) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    listed = server.http.get("/v1/jobs?limit=1", headers=headers).json()["data"][0]
    told = server.http.get(f"/v1/jobs/{listed['id']}", headers=headers)
    assert told.status_code == 200, told.text
    return dict(told.json())


def compared(job: dict[str, Any]) -> dict[str, Any]:
    """What was asked for; of the pictures their bytes, as their names are the dialects' own."""
    asked = {
        name: value["sha256"] if isinstance(value, dict) and "sha256" in value else value
        for name, value in job["request"].items()
    }
    return asked | {name: job[name] for name in ("model", "duration_s", "size", "seed", "pictures")}


def test_each_program_makes_what_the_button_makes(
    visits: Visits, server: Serving, tmp_path: Path
) -> None:
    page = visits.open(server.url, permissions=["clipboard-read", "clipboard-write"])
    choose(page, CHELSEA)
    ask_for_a_small_one(page, prompt=PROMPT)
    page.get_by_label("Seed").fill(str(SEED))
    page.get_by_label("Choose a last frame").set_input_files(ROCKET)
    page.get_by_text("More settings").click()
    page.get_by_label("Negative prompt").fill("<blur; 'noise'")
    page.get_by_label("Watermark").check()
    programs = copied(page)

    make_button(page).click()
    expect_to_play(runs(page).first.locator("video"))
    by_page = newest(server, "")
    assert by_page["model"] == MODEL
    assert (by_page["duration_s"], by_page["seed"]) == (DURATION_S, SEED)
    assert by_page["size"] == {"width": WIDTH, "height": HEIGHT}
    assert by_page["prompt"] == PROMPT
    for client, program in programs.items():
        folder = tmp_path / CLIENTS[client].replace(".", "-") / client.replace(", ", "-")
        folder.mkdir(parents=True)
        told = run(client, program, folder, {})

        by_program = newest(server, "")
        assert by_program["id"] != by_page["id"], client
        assert by_program["id"] in told, client
        assert by_program["state"] == "succeeded", (client, by_program["error"])
        assert compared(by_program) == compared(by_page), client


def test_a_program_reads_the_key_from_its_environment_and_never_holds_it(
    visits: Visits, keyed: KeyedServing, tmp_path: Path
) -> None:
    visits.allow("401")
    page = visits.open(keyed.server.url, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_label("API key").fill(keyed.ann)
    page.get_by_role("button", name="Continue").click()
    ask_for_a_small_one(page)

    programs = copied(page)

    assert all(keyed.ann not in program for program in programs.values())
    for n, (client, program) in enumerate(programs.items()):
        folder = tmp_path / str(n)
        folder.mkdir()
        run(client, program, folder, {"UNSTILL_API_KEY": keyed.ann})
        job = newest(keyed.server, keyed.ann)
        assert (job["state"], job["prompt"]) == ("succeeded", "slow push in"), client


@pytest.mark.parametrize("model", ["openai/sora-2/image-to-video-pro", "happyhorse-1.0-i2v"])
def test_the_usual_request_of_a_model_is_a_program_too(
    visits: Visits, server: Serving, model: str
) -> None:
    page = visits.open(server.url)
    page.get_by_label("Model").select_option(model)
    page.get_by_text("The same as a program").first.click()

    for client in CLIENTS:
        page.get_by_role("tab", name=client).click()
        expect(page.get_by_role("tabpanel")).to_contain_text(model)
        expect(page.get_by_role("tabpanel")).not_to_contain_text("seed")
