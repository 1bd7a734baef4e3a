"""A real server that keeps videos for seconds only."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from support.servers import PHOTOS, Serving
from support.waits import hold_until

CHELSEA = b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
KEPT_S = 5
DAY_S = 24 * 3600
SDK = {"x-stainless-lang": "python"}


@pytest.mark.slow
def test_a_video_whose_time_is_over_is_told_by_every_dialect(tmp_path: Path) -> None:
    config = f"[server]\nkeep_videos_days = {KEPT_S / DAY_S:.9f}\n"
    with Serving(tmp_path, config=config) as server:
        body = {
            "model": "wan2.7-i2v",
            "input": {"first_frame_url": CHELSEA},
            "parameters": {"duration": 2},
        }
        job_id = server.submit(body)
        made = server.wait(job_id)
        video = server.http.get(f"/v1/videos/{job_id}", headers=SDK).json()
        link = made["output"]["urls"][0]
        hold_until(lambda: server.http.get(f"/v1/videos/{job_id}/content").status_code == 410)
        content = server.http.get(f"/v1/videos/{job_id}/content")
        linked = server.http.get(link)
        task = server.status(job_id)
        native = server.http.get(f"/api/v1/tasks/{job_id}").json()
        after = server.http.get(f"/v1/videos/{job_id}", headers=SDK).json()

    assert video["expires_at"] == pytest.approx(video["completed_at"] + KEPT_S, abs=1)
    assert after == video
    assert content.json()["error"]["code"] == "video_removed"
    assert linked.status_code == 410
    assert "was removed on 20" in linked.text
    assert task["output"]["task_status"] == "Success"
    assert native["output"]["task_status"] == "SUCCEEDED"
    assert not list(tmp_path.glob("jobs/*/*/video-*"))
