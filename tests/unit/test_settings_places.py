"""Where jobs and files are kept, as the settings say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.settings_files import read_in, refused_in
from unstill.settings.databases import shown_database


@pytest.mark.parametrize("place", ["s3://abc", "s3://a.b-c/", "s3://b" + "x" * 62])
def test_files_may_be_in_a_bucket(tmp_path: Path, place: str) -> None:
    assert read_in(tmp_path, f'[server]\nfiles = "{place}"\n').server.files == place


@pytest.mark.parametrize(
    "place",
    [
        *("videos", "/srv", "s3://", "s3://ab", "s3://Videos", "s3://b" + "x" * 63),
        *("s3://abc/../x", "s3://abc//x", "s3://abc/.", "s3://abc/a b", "s3://abc/a*"),
        *("https://abc.s3.amazonaws.com", "s3://key:secret@abc"),
    ],
)
def test_what_is_no_bucket_is_told_by_its_name(tmp_path: Path, place: str) -> None:
    said = refused_in(tmp_path, f'[server]\nfiles = "{place}"\n')

    assert said.startswith("server.files: must be s3://bucket or s3://bucket/prefix")
    assert "secret" not in said


def test_callers_are_sent_to_a_bucket_where_that_is_set(tmp_path: Path) -> None:
    toml = '[server]\nfiles = "s3://abc"\nfile_delivery = "redirect"\n'
    public = toml + 'files_public_url = "https://s3.example.com/"\n'

    assert read_in(tmp_path).server.file_delivery == "proxy"
    assert read_in(tmp_path, toml).server.file_delivery == "redirect"
    assert read_in(tmp_path, public).server.files_public_url == "https://s3.example.com/"


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('file_delivery = "redirect"', 'server.file_delivery: is "redirect" without a bucket'),
        ('file_delivery = "presigned"', "server.file_delivery: must be proxy or redirect"),
        (
            'files = "s3://abc"\nfiles_public_url = "https://s3.example.com"',
            'server.files_public_url: is for file_delivery = "redirect"',
        ),
        *(
            (
                f'files = "s3://abc"\nfile_delivery = "redirect"\nfiles_public_url = "{url}"',
                f"server.files_public_url: {said}",
            )
            for url, said in (
                ("s3.example.com", "must begin with http"),
                ("https://s3.example.com?x=1", "must be an address alone"),
                ("https://key:secret@s3.example.com", "must be an address alone"),
                ("https://s3.example.com/videos", "must be without a path"),
                ("http://0.0.0.0:9000", "must be an address that callers can reach"),
            )
        ),
    ],
)
def test_a_delivery_that_cannot_be_stops_the_start(tmp_path: Path, toml: str, said: str) -> None:
    refusal = refused_in(tmp_path, f"[server]\n{toml}\n")

    assert refusal.startswith(said)
    assert "secret" not in refusal


@pytest.mark.parametrize(
    "database",
    ["postgresql://team:pa%40ss@db.example.com:5433/jobs?sslmode=require", "postgres://db/j"],
)
def test_a_database_may_be_named_in_full(tmp_path: Path, database: str) -> None:
    assert read_in(tmp_path, environment={"UNSTILL_DATABASE": database}).server.database == database


@pytest.mark.parametrize(
    "database",
    ["mysql://u:s3cret@db/jobs", "postgresql://u:s3cret@db", "postgresql://u:s3cret@db:x/jobs",
     "postgresql://u:s3cret@db:0/jobs", "postgresql://u:s3cret @db/jobs"],
)  # fmt: skip
def test_what_is_no_database_stops_the_start_without_showing_it(
    tmp_path: Path, database: str
) -> None:
    for said in (
        refused_in(tmp_path, f'[server]\ndatabase = "{database}"\n'),
        refused_in(tmp_path, environment={"UNSTILL_DATABASE": database}),
    ):
        assert "server.database" in said or "UNSTILL_DATABASE" in said
        assert "postgresql://user:password@host:port/database" in said
        assert "s3cret" not in said


def test_a_database_is_shown_without_its_password() -> None:
    shown = shown_database("postgresql://team:s3cret@db.example.com:5433/jobs?password=s3cret")

    assert shown == "postgresql://db.example.com:5433/jobs"
