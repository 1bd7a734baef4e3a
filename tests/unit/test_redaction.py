"""Words of others, as callers, terminals and the log get them."""

import pytest

from unstill.domain.redaction import MOST_QUOTED_CHARS, plain, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cannot get https://a.b.com:80/x?k=1, sorry", "cannot get [address], sorry"),
        ("no 10.0.0.7:8000 here", "no [address] here"),
        ("host dashscope-result-bj.oss-cn-beijing.aliyuncs.com is down", "host [address] is down"),
        ("key sk-abcdef123456 is bad", "key [key] is bad"),
        ("failed: /root/outputs/uploads/a_frame.jpeg", "failed: a_frame.jpeg"),
        ("Field required: input.img_url", "Field required: input.img_url"),
        ("比例 1:8 to 8:1", "比例 1:8 to 8:1"),
    ],
)
def test_addresses_paths_and_keys_stay_out_of_messages(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_messages_are_cut() -> None:
    assert len(plain("x" * 10_000)) == 301


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bad\x1b[2J\x1b[1;31mframe\x1b[0m", "bad frame"),
        ("bad\x9b2Jframe", "bad frame"),
        ("bad\x1b]0;title\x07frame", "bad frame"),
        ("bad\x1b]8;;x\x1b\\frame", "bad frame"),
        ("one\ntwo\r\nthree\tfour\x00five\x85six\u2028seven", "one two three four five six seven"),
        ("safe\u202etxt.exe\u2066\u2069\u200f", "safetxt.exe"),
        ("in\u200bvis\u200dib\ufeffle\u00ad", "invisible"),
        ("sk-ab\u200bcdef123456 is bad", "[key] is bad"),
        ("lone \ud800 half", "lone half"),
        ("\U000e0041hidden tag", "hidden tag"),
        ("首帧图片 é ñ 👍 stays", "首帧图片 é ñ 👍 stays"),
        ("\x1b", ""),
    ],
)
def test_what_nobody_sees_is_taken_out(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_flood_of_invisible_characters_is_cut_before_it_is_cleaned() -> None:
    assert plain("\u200b" * 10_000_000) == ""
    assert len(plain("é\n" * 10_000)) == MOST_QUOTED_CHARS + 1


def test_words_that_are_only_cleaned_keep_their_addresses() -> None:
    assert visible("see https://a.example/x\n now") == "see https://a.example/x now"
