"""A prompt in pieces: clauses, who each speaks of, what it denies, and what comes after what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from unstill.engines.camera.move_words import words

MOST_CHARACTERS = 400  # a clause that has no stop for longer is cut, to be read in linear time
SOMEBODY: Final = "\x01"  # in place of words that have nothing to do with a camera
LOOKS_BACK = 80  # characters: as far as what stands before a word can matter

# traditional characters that the tables use, so that both ways of writing are read
TRADITIONAL: Final = (
    "鏡頭機攝緩遠進動環繞後轉飛隨開飄雲風葉搖輕長從來這個時間畫將掃穩視無閃燈燭紙彩煙慢陣紛焦縮拋與"
)
SIMPLIFIED: Final = (
    "镜头机摄缓远进动环绕后转飞随开飘云风叶摇轻长从来这个时间画将扫稳视无闪灯烛纸彩烟慢阵纷焦缩抛与"
)
FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
PLAIN: Final = (
    FULL_WIDTH
    | str.maketrans(TRADITIONAL, SIMPLIFIED)
    | {0x3000: " ", 0x2018: "'", 0x2019: "'", 0x3002: ".", 0x201C: '"', 0x201D: '"'}
)

STOP: Final = r"(?:[,;:!?\n()\[\]\"|]|(?<!\d)\.|\.(?!\d)|\s[-–—]+\s|[–—])+"
LATER: Final = (
    r"\b(?:and\s+)?(?:then(?:\s+later)?|next(?!\s+to\b)|afterwards?|after\s+(?:that|which)"
    r"|subsequently|finally|lastly|eventually|followed\s+by|before(?=\s+\w+ing\b)"
    r"|(?:and\s+)?end(?:s|ing)?\s+(?:with|by|on)|at\s+the\s+end|(?:in|for)\s+the\s+second\s+half"
    r"|secondly|second(?=\s*,))\b|\b\d+(?:\.\d+)?\s*(?:s|sec|seconds)?\s*[-–~]\s*\d+(?:\.\d+)?\s*"
    r"s(?:ec(?:onds?)?)?\b|紧?接着|然后|随后|随即|之后|继而|最后|最终|再(?![次现见说也三])"
    r"|后半(?:段|部分)?|\d+(?:\.\d+)?\s*[-–~到至]\s*\d+(?:\.\d+)?\s*秒"
)
MEANWHILE: Final = (
    r"\b(?:meanwhile|while|whilst|as(?!\s+(?:an?|if|though|well)\b)|when|where|who|which|whose)\b"
    r"|(?:的|与此)?同时|并且|并(?=[向往朝推拉摇移缓快慢环])"
)
BOUNDARY: Final = re.compile(
    rf"(?P<stop>{STOP})|(?P<later>{LATER})|(?P<meanwhile>{MEANWHILE})", re.IGNORECASE
)
AFTER: Final = words(r"^\W*(?:after|once)\b")  # "after panning left, push in"

CAMERA: Final = words(
    r"\b(?:camera(?:work|man)?|cam|lens(?!\s*flare)|viewpoint|pov|cinematograph\w*|shot|footage|drone"
    r"|gimbal|steadicam|we|dolly|(?:the|our|your)\s+(?:view|frame))\b",
    r"镜头|相机|摄影机|摄像机|摄像头|机位|拍摄角度|视角|运镜|视野|画面|无人机|一镜到底",
)
# a camera that is looked at, or held
NOT_FILMING: Final = words(
    r"\b(?:at|to|towards?|into|facing|past|near|behind|for|from|in\s+front\s+of|approach(?:es|ing)?)"
    r"\s+(?:the\s+)?$|\b(?:an?|his|her|their|old|vintage)\s+$|[向朝对着看望近离盯往]$"
)
NOT_FILMING_AFTER: Final = words(
    r"(?:前(?![推进移])|后(?![拉退移])|[里中内]|下的|上的)|\s+(?:crew|store|bag|strap)\b"
)

NEGATION: Final = words(
    r"\b(?:no|not|never|without|avoid(?:ing)?|cannot|nor|dont)\b|\b\w+n't\b",
    r"不要|不得|不许|不能|不可|无需|不需要?|不用|禁止|避免|没有|切勿",
    r"别(?=推|拉|摇|移|升|降|变焦|缩放|环|旋|晃|抖|下|让镜头|跟|放大|缩小)",
    r"[不无](?=推|拉|摇|移|升|降|变焦|缩放|环|旋|晃|抖|下雨|下雪|跟)",
)
# what ends the reach of a negation inside its clause; "and" does only after "don't" and "not":
# "without panning and zooming" denies both, "don't zoom and pan left" the first
CONTRAST: Final = words(r"\b(?:but|just|only|instead|rather)\b", r"而是|只|但")
AND: Final = words(r"\band\b")
DENIES_A_LIST: Final = words(r"no|without|avoid\w*")

# what may stand between the beginning of a clause, or its camera, and a move
FILLER_WORD: Final = (
    r"(?:\w+ly|slow|smooth|gentle|subtle|soft|fast|quick|rapid|steady|simple|cinematic|dramatic"
    r"|single|continuous|then|and|or|nor|also|with|by|please|first|now|just|only|but|instead|to"
    r"|start(?:s|ing)?|begin(?:s|ning)?|continu(?:e|es|ing)|is|are|be|should|will|must|can|would"
    r"|do|does|not|no|never|\w+n't|without|avoid(?:ing)?|any|let|make|use|add|in|an?|perceptible|noticeable|visible|very"
    r"|really|super|extremely|so|before|after|at|keep(?:s|ing)?|bit|little|slight|back|forwards?"
    r"|up|down|left|right|out|away|once|of|further|again|effect|shot|from|wide|few|it|we|nice|on)"
)
FILLERS_BEFORE: Final = re.compile(
    rf"(?:\b{FILLER_WORD}(?:[\s,/&+-]+|$)|[^\w\x01])+$", re.IGNORECASE
)
FILLERS: Final = re.compile(rf"(?:\b{FILLER_WORD}\b|[^\w\x01])+", re.IGNORECASE)
CN_FILLER: Final = (
    r"(?:[地的着请让把将先又也并以向往朝慢快缓]|缓缓|缓慢|慢慢|慢速|快速|迅速|飞快|急速|极速|轻微|轻轻|轻柔|稍微|稍稍"
    r"|微微|略微|柔和|平稳|平滑|匀速|逐渐|渐渐|非常|极其|十分|特别|猛地|猛然|大幅度?|小幅度?|继续|开始|一直|不断|保持|始终|首先|前半段|第?[一二三四五六七八九十\d]+秒|前\d+秒|开头|起初|一开始"
    r"|不要|不得|不许|不能|不可|无需|不需要?|不用|禁止|避免|没有|切勿|别|不|无|使用|采用|加入|进行|[^\w\x01])+"
)
CN_FILLERS_BEFORE: Final = re.compile(rf"{CN_FILLER}$")
CN_FILLERS: Final = re.compile(CN_FILLER)
LISTS_ON: Final = words(r"\b(?:and|or|nor|then|but|&|without|no|avoid(?:ing)?)\b|[,/+&]")
CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True, kw_only=True)
class Clause:
    """A piece of the prompt. `order` grows where the words say that something comes later."""

    text: str
    start: int  # in the prompt
    order: int


class Stands(Enum):
    """Where words stand in their clause."""

    AT_START = auto()
    BEHIND_CAMERA = auto()
    ELSEWHERE = auto()  # behind somebody who may be doing it


def plain(prompt: str) -> str:
    """The prompt in the characters that the tables are written in; as long as it was."""
    return prompt.translate(PLAIN)


def clauses_of(prompt: str) -> Iterator[Clause]:
    """The clauses of a plain prompt, in their order; none is empty."""
    start = order = 0
    is_after = False
    for boundary in (*BOUNDARY.finditer(prompt), None):
        end = len(prompt) if boundary is None else boundary.start()
        text = prompt[start:end]
        for cut in range(0, len(text), MOST_CHARACTERS):
            if part := text[cut : cut + MOST_CHARACTERS].rstrip():
                yield Clause(text=part, start=start + cut, order=order)
        if text.strip():
            order += is_after
            is_after = AFTER.search(text) is not None
        if boundary is not None:
            order += boundary.lastgroup == "later"
            start = boundary.end()


def cameras_in(text: str) -> list[re.Match[str]]:
    """Where a clause speaks of the camera as what films."""
    return [
        match
        for match in CAMERA.finditer(text)
        if not NOT_FILMING.search(text[max(0, match.start() - LOOKS_BACK) : match.start()])
        and not NOT_FILMING_AFTER.match(text, match.end())
    ]


def stands(text: str, start: int, read: list[tuple[int, int]]) -> Stands:
    """Where the words at `start` stand; `read` are the places that are known to be the camera's."""
    before = text[max(0, start - LOOKS_BACK) : start]
    cameras = [match for match in cameras_in(text) if match.end() <= start]
    if CHINESE.match(text, start):
        if cameras or any(end <= start for _, end in read):
            return Stands.BEHIND_CAMERA
        bare = CN_FILLERS_BEFORE.sub("", before)
        return Stands.ELSEWHERE if bare else Stands.AT_START
    fillers = FILLERS_BEFORE.search(before)
    bare = before[: fillers.start()] if fillers else before
    if not bare.strip() and not cameras:
        return Stands.AT_START
    ends = start - len(before) + len(bare)
    owners = [match.span() for match in cameras] + read
    if any(begin < start and end >= ends for begin, end in owners):
        return Stands.BEHIND_CAMERA
    if fillers and LISTS_ON.search(fillers[0]):
        if any(end <= start for _, end in owners):
            return Stands.BEHIND_CAMERA
        return Stands.AT_START if DENIES_A_LIST.search(fillers[0]) else Stands.ELSEWHERE
    return Stands.ELSEWHERE


def denies(text: str, start: int) -> bool:
    """Whether a negation before `start` reaches the word there."""
    negations = [match for match in NEGATION.finditer(text) if match.end() <= start]
    if not negations:
        return False
    last = negations[-1]
    between = text[last.end() : start]
    if CONTRAST.search(between):
        return False
    return not AND.search(between) or bool(DENIES_A_LIST.fullmatch(last[0]))


def is_bare(text: str) -> bool:
    """Whether nothing is left of a text but fillers."""
    return not CN_FILLERS.sub("", FILLERS.sub("", text)).strip()
