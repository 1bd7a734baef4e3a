"""A storage that does not do its part: told once a minute, and left alone the longer it lasts."""

from __future__ import annotations

from structlog.testing import capture_logs

from unstill.system.storage_pause import FIRST_PAUSE_MS, LONGEST_PAUSE_MS, Shortage


def test_a_full_disk_is_two_lines_in_a_minute_however_many_jobs_meet_it() -> None:
    now_ms = 5_000
    shortage = Shortage("engine_cannot_store", lambda: now_ms)
    with capture_logs() as logged:
        for _ in range(61):
            for number in range(20):
                shortage.note("no room", job_id=f"job-{number}")
            now_ms += 1_000
        shortage.over()
        shortage.over()

    assert [(entry["event"], entry["times"]) for entry in logged] == [
        ("engine_cannot_store", 1),
        ("engine_cannot_store", 20 * 60 + 1),
        ("stored_again", 20 * 61),
    ]
    assert logged[-1]["for_s"] == 61


def test_the_pause_grows_as_long_as_the_trouble_lasts_and_begins_anew() -> None:
    now_ms, pauses_ms = [0], list[int]()
    shortage = Shortage("engine_cannot_store", lambda: now_ms[0])
    for moment_ms in (0, 500, 5_000, 30_000, 3_600_000):
        now_ms[0] = moment_ms
        pauses_ms.append(shortage.note("no room", job_id="job"))
    shortage.over()

    assert pauses_ms == [FIRST_PAUSE_MS, FIRST_PAUSE_MS, 5_000, LONGEST_PAUSE_MS, LONGEST_PAUSE_MS]
    assert shortage.note("no room", job_id="job") == FIRST_PAUSE_MS
