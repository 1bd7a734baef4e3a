"""The words that name a camera move, in English and Chinese: a table, no code.

Directions are the camera's own: a pan to the left shows more of what is on the left. The rules are
tried in their order, and what one has read no other reads again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from functools import partial
from typing import Final

from unstill.engines.camera.phrases import (
    ADVERB,
    CN_HIGH,
    CN_LOW,
    CN_PAN,
    CN_PLACE,
    DOWNWARD,
    FLIES,
    HIGH,
    HOW,
    LOW,
    PANS,
    PANS_SURELY,
    THROUGH,
    TILTS,
    TO_LEFT,
    TO_RIGHT,
    TURNS,
    UPWARD,
    from_to,
)


class Move(StrEnum):
    PUSH = "push"  # towards the subject
    PULL = "pull"  # away from it, ending on the whole photo
    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"
    ORBIT = "orbit"  # sideways around what is near
    ROLL = "roll"  # about the line of sight
    HANDHELD = "handheld"
    STATIC = "static"
    VERTIGO = "vertigo"  # a dolly zoom: the subject keeps its size, what is behind it swells


Legs = tuple[tuple[Move, ...], ...]


class Evidence(Enum):
    """What must stand around words for them to mean the camera."""

    SURE = auto()  # nothing: "zoom in"
    FREE = auto()  # they begin their clause, or follow the camera: "pull back", not "he pulls back"
    BESIDE = auto()  # the camera has to be named: "moves left" may as well be a train


@dataclass(frozen=True, kw_only=True)
class MoveRule:
    """One way to name a move.

    legs: made one after the other, or, where it `picks`, one of them by the seed.
    yields: it says what is seen more than what is done, so that any other move goes before it.
    also_denies: what a denial of it denies too.
    """

    pattern: re.Pattern[str]
    legs: Legs
    evidence: Evidence
    picks: bool = False
    yields: bool = False
    also_denies: tuple[Move, ...] = ()


def words(*alternatives: str) -> re.Pattern[str]:
    """One pattern that finds any of the alternatives, whatever their case."""
    return re.compile("|".join(alternatives), re.IGNORECASE)


PUSH, PULL, ORBIT = ((Move.PUSH,),), ((Move.PULL,),), ((Move.ORBIT,),)
LEFT, RIGHT, UP, DOWN = ((Move.LEFT,),), ((Move.RIGHT,),), ((Move.UP,),), ((Move.DOWN,),)
ASIDE: Final = ((Move.LEFT,), (Move.RIGHT,))
UPRIGHT: Final = ((Move.UP,), (Move.DOWN,))
ROLL, HANDHELD, STATIC = ((Move.ROLL,),), ((Move.HANDHELD,),), ((Move.STATIC,),)


def rule(
    evidence: Evidence,
    legs: Legs,
    *alternatives: str,
    picks: bool = False,
    yields: bool = False,
    also_denies: tuple[Move, ...] = (),
) -> MoveRule:
    return MoveRule(
        pattern=words(*alternatives),
        legs=legs,
        evidence=evidence,
        picks=picks,
        yields=yields,
        also_denies=also_denies,
    )


sure = partial(rule, Evidence.SURE)
free = partial(rule, Evidence.FREE)
beside = partial(rule, Evidence.BESIDE)

HIGHER, LOWER = r"(?:top|upper)[\s-]+", r"(?:bottom|lower)[\s-]+"
WAYS: Final = (
    (((Move.RIGHT, Move.DOWN),), from_to(f"{HIGHER}left", f"{LOWER}right", "左上", "右下")),
    (((Move.LEFT, Move.DOWN),), from_to(f"{HIGHER}right", f"{LOWER}left", "右上", "左下")),
    (((Move.RIGHT, Move.UP),), from_to(f"{LOWER}left", f"{HIGHER}right", "左下", "右上")),
    (((Move.LEFT, Move.UP),), from_to(f"{LOWER}right", f"{HIGHER}left", "右下", "左上")),
    (LEFT, from_to(r"right", r"left", "右", "左")),
    (RIGHT, from_to(r"left", r"right", "左", "右")),
    (UP, from_to(LOW, HIGH, CN_LOW, CN_HIGH)),
    (DOWN, from_to(HIGH, LOW, CN_HIGH, CN_LOW)),
)
MOVE_RULES: Final = (
    # --- what a camera stands on, or is held by
    sure(
        STATIC,
        r"\b(?:static|fixed|locked(?:[\s-](?:off|down))?|stationary|motionless|still|unmoving)\s+"
        r"(?:(?:tripod|wide|medium|close-?up)\s+)?(?:camera|shot|frame|framing|view|viewpoint)\b",
        r"\btripod\s+shot\b|\b(?:shot|filmed)\s+(?:on|from|with)\s+a\s+tripod\b|^\W*static\W*$|\blocked[\s-](?:off|down)\b",
        r"\b(?:camera|lens|shot|frame|view)\s+(?:(?:is|stays|remains|holds|keeps|stands|stay|remain"
        r"|should\s+(?:be|stay|remain)|must\s+(?:be|stay|remain))\s+)?(?:\w+ly\s+)?"
        r"(?:static|fixed|still|stationary|locked|motionless)\b",
        r"\b(?:keep|hold|lock)(?:s|ing)?\s+the\s+(?:camera|shot|frame|view)\b(?!\s+on)"
        r"(?:\s+(?:\w+ly\s+)?(?:static|fixed|still|stationary|locked|motionless))?",
        r"\b(?:no|without(?:\s+any)?|zero)\s+camera\s+(?:movement|motion|move)s?\b",
        r"\b(?:no|without(?:\s+any)?)\s+(?:movement|motion)\s+of\s+the\s+camera\b",
        r"\b(?:camera|lens)\s+(?:\w+\s+not|\w+n['’]t|never)\s+move\b",
        r"\b(?:do\s+not|don['’]?t|never|without)\s+mov(?:e|ing)\s+the\s+camera\b",
        r"固定(?:的)?(?:镜头|机位|视角|相机)|静止(?:的)?镜头|定镜头",
        r"(?:镜头|机位|相机|视角|画面)(?:保持|始终|完全|一直){0,2}"
        r"(?:固定|不动|别动|静止|不移动|不要动|不要移动|不变)",
        r"(?:不要|别|无需|不)(?:移动|动)镜头|[无没有]运镜|(?:不要|没有|无需)运镜",
        r"(?:不要|没有|无|禁止|避免)(?:任何|有)?(?:镜头|相机|摄像机)(?:的)?(?:运动|移动)",
        r"(?:镜头|相机|摄像机)(?:无需|不需要?|不用|禁止|不能|不许)(?:移动|运动)",
    ),
    sure(
        ((Move.VERTIGO,),),
        r"\b(?:dolly[\s-]zoom|zolly|(?:vertigo|hitchcock|trombone)[\s-]+(?:effect|shot|zoom))\b",
        r"^\W*vertigo\W*$|希区柯克(?:式)?(?:的)?(?:变焦|镜头|运镜)?|滑动变焦|眩晕(?:镜头|变焦|效果)",
    ),
    # --- directions told by both ends, before the single ones
    *(
        sure(legs, rf"{PANS_SURELY}(?:\s+\w+){{0,3}}?[\s-]+(?:{way})", rf"(?:{way})[\s-]+pan\b")
        for legs, way in WAYS
    ),
    *(
        free(
            legs,
            rf"(?:{PANS}|{FLIES}|\bfollow(?:s|ing)?)(?:\s+\w+){{0,3}}?[\s-]+(?:{way})",
            rf"(?:{way}){ADVERB}(?:平移|横移|横摇|摇摄|移动|移|摇|扫|运镜|升|降|推|拉|仰|俯)?过?",
        )
        for legs, way in WAYS
    ),
    free(RIGHT, rf"{PANS}{HOW}(?:in\s+)?from\s+(?:the\s+)?left\b"),
    free(LEFT, rf"{PANS}{HOW}(?:in\s+)?from\s+(?:the\s+)?right\b"),
    free(ASIDE, rf"[向往朝]?左右(?:两侧|来回)?{ADVERB}(?:平移|横移|移动|摇摄|扫)|左右摇镜"),
    free(UPRIGHT, rf"[向往朝]?上下{ADVERB}(?:平移|移动|摇摄|扫)|上下摇镜"),
    # --- around the subject
    sure(
        ORBIT,
        rf"\borbit(?:s|ing)?{HOW}(?:{TO_LEFT}|{TO_RIGHT}|(?:shot|move)\b"
        r"|(?:around|round)\s+(?:the\s+)?"
        r"(?:subject|scene|character|person|object|product|man|woman|him|her|it|them)\b)",
        r"\b(?:orbital|arc(?:ing)?)\s+(?:shot|move)\b(?:\s+to\s+the\s+(?:left|right))?",
        r"\bbullet[\s-]time\b|环绕(?:镜头|拍摄|运镜|主体|人物|产品)|环拍|绕拍|子弹时间",
        r"(?<!vinyl )(?<!dj )(?<!record )\bturn-?table\b(?:\s+(?:shot|view|spin|rotation))?",
        r"\b(?:\d{2,3}(?:\s*°|[\s-]*degrees?|[\s-]*deg)|360)[\s-]*(?:product\s+)?(?:views?|spin|turn|rotation"
        r"|rotate|rotating|orbit|arc|pan|product|shot|around)\b",
        r"\b(?:product|item)\s+(?:\w+ly\s+)?(?:spin|rotat)\w*",
        r"(?:产品|商品)?\d{2,3}(?:度|°)\S{0,3}?(?:旋转|环绕|环视|转动|展示|全景)(?:展示)?",
        r"(?:产品|商品)(?:缓缓|缓慢|慢慢)?(?:旋转|转动)(?:展示)?|转台",
    ),
    sure(
        ROLL,
        r"\bdutch\s+(?:angle|tilt|roll)\b|\b(?:camera|barrel)\s+rolls?\b|\brolls?\s+the\s+camera\b"
        r"(?:(?:\s+\w+ly)?\s+to\s+the\s+(?:left|right))?",
        rf"\bcamera\s+tilt(?:s|ing)?\s+(?:{TO_LEFT}|{TO_RIGHT}|sideways\b)",
        r"荷兰角|镜头(?:倾斜|翻转|滚动|滚转)|滚转|斜角镜头",
    ),
    free(
        ORBIT,
        rf"\borbit(?:s|ing)?\b(?:{HOW}(?:{TO_LEFT}|{TO_RIGHT}))?",
        r"\b(?:circl|rotat|revolv|arc|swing|mov|travel|spin)(?:e|es|s|ing|ning)?\s+(?:\w+ly\s+)?a?round\b",
        r"(?:环绕|围绕)(?![着在了])|绕着",
    ),
    free(ROLL, rf"\btilt(?:s|ing)?\s+(?:{TO_LEFT}|{TO_RIGHT}|sideways\b)"),
    # --- towards and away
    sure(
        PUSH,
        rf"\b(?:dolly|dollie|zoom)(?:s|es|d|ed|ing)?{HOW}(?:in|into|inwards?|closer|towards?)\b",
        r"\b(?:crash|snap|punch|fast|slow|quick)[\s-]zoom\b(?!\s*(?:out|in|back|call|meeting))",
        r"\bforward\s+(?:dolly|tracking|zoom|push)(?:\s+shot)?\b|\bcamera\s+push\b|\bwide\s+to\s+close(?:[\s-]?up)?\b(?:\s+zoom)?",
        r"\bpush[\s-]in\s+(?:shot|on)\b|\b(?:slow|gentle|smooth|subtle|fast|quick)\s+push[\s-]in\b",
        rf"视角{ADVERB}[向往]前{ADVERB}(?:行走|走|奔跑|跑|行进)",
        r"推镜头?|推轨|镜头前推|急推",
        rf"(?:画面|镜头|图像|图片|照片|视角|局部){ADVERB}(?:拉近)?放大",
        r"[由从]远(?:处|景)?[及到至而](?:近处|近景|近|特写)|远景推(?:到|至|向)(?:近景|特写)",
    ),
    sure(
        PULL,
        rf"\b(?:dolly|dollie|zoom)(?:s|es|d|ed|ing)?{HOW}(?:out|outwards?|back|backwards?|away)\b"
        r"(?:\s+from\b)?",
        r"\b(?:backwards?|reverse)\s+(?:dolly|tracking|zoom)(?:\s+shot)?\b|\bcamera\s+pull\b|\bclose(?:[\s-]?up)?\s+to\s+wide\b(?:\s+zoom)?",
        r"\bpull[\s-](?:out|back)\s+shot\b|\b(?:slow|gentle|smooth|subtle|fast|quick)\s+"
        r"pull[\s-](?:out|back)\b",
        r"拉镜头?(?![像头])|拉开镜头|急拉",
        rf"(?:画面|镜头|图像|图片|照片|视角){ADVERB}缩小",
        r"[由从](?:近处|近景|近|特写)[及到至而](?:远处|远景|远)|(?:近景|特写)拉(?:到|至|向)远景",
    ),
    free(
        PUSH,
        rf"\b(?:push|track|creep)(?:es|s|ed|ing)?{HOW}(?:in|into|inwards?|closer)\b",
        r"\bclos(?:e|es|ing)\s+in\s+on\b",
        rf"推进(?![器剂力])|推近|拉近(?!距离|关系)|前推|^\W*{ADVERB}放大(?!镜)",
    ),
    free(
        PULL,
        rf"\b(?:pull|track)(?:s|ed|ing)?{HOW}(?:out|outwards?|back|backwards?|away)\b",
        rf"拉远|后拉|^\W*{ADVERB}缩小",
    ),
    # --- sideways, up and down
    sure(LEFT, rf"{PANS_SURELY}{HOW}{TO_LEFT}", r"\bleft(?:wards?)?\s+pan\b", "镜头左移"),
    sure(RIGHT, rf"{PANS_SURELY}{HOW}{TO_RIGHT}", r"\bright(?:wards?)?\s+pan\b", "镜头右移"),
    sure(
        UP,
        rf"{PANS_SURELY}{HOW}{UPWARD}|\btilt{HOW}{UPWARD}|\bupwards?\s+(?:tilt|pan)\b",
        r"\b(?:crane|jib|boom)\s+shot\s+(?:ris|mov|go)(?:es|e|ing)(?:\s+up)?\b|升镜|镜头上移",
    ),
    sure(
        DOWN,
        rf"{PANS_SURELY}{HOW}{DOWNWARD}|\btilt{HOW}{DOWNWARD}|\bdownwards?\s+(?:tilt|pan)\b",
        r"降镜|镜头下移",
    ),
    free(
        LEFT,
        rf"{PANS}{HOW}{TO_LEFT}",
        rf"{PANS}(?:\s+(?!left|right)\w+){{1,4}}?\s+(?:to|towards)\s+(?:the\s+)?left\b",
        rf"(?:[向往朝]|(?<![从由自])){ADVERB}左{CN_PAN}|左移",
    ),
    free(
        RIGHT,
        rf"{PANS}{HOW}{TO_RIGHT}",
        rf"{PANS}(?:\s+(?!left|right)\w+){{1,4}}?\s+(?:to|towards)\s+(?:the\s+)?right\b",
        rf"(?:[向往朝]|(?<![从由自])){ADVERB}右{CN_PAN}|右移",
    ),
    free(UP, rf"{TILTS}{HOW}{UPWARD}", rf"[向往朝]?{ADVERB}上{CN_PAN}|上移"),
    free(DOWN, rf"{TILTS}{HOW}{DOWNWARD}", rf"[向往朝]?{ADVERB}下{CN_PAN}|下移"),
    sure(
        HANDHELD,
        r"\bhand-?\s?held(?:-style)?(?:\s+(?:\w+\s+)?(?:camera|shot|footage|feel|style|look|motion"
        r"|movement|video|shake|filming|cam|effect|sway|walk))?\b",
        r"\bcamera\s+(?:shak(?:e|es|ing)|sway)\b|\bsha(?:ky|king)[\s-]cam(?:era)?\b",
        r"手持(?:拍摄|镜头|摄影|摄像|感|效果|风格|晃动|运镜|跟拍|抖动|机)|^\W*手持\W*$",
        r"(?:镜头|画面)(?:晃动|抖动|摇晃|颤动)",
    ),
    free(HANDHELD, r"手持(?:相机|手机)(?!的|拍照|自拍)"),
    # --- beside a word for the camera
    beside(ASIDE, rf"(?:{FLIES}){HOW}(?:alongside|beside|parallel)\b", picks=True),
    beside(
        UP, r"\b(?:ris(?:e|es|ing)|ascend(?:s|ing)?|climb(?:s|ing)?)\b(?:\s+(?:up|above|over)\b)?"
    ),
    beside(((Move.DOWN, Move.PUSH),), rf"(?:{FLIES}){HOW}down\s+(?:towards?|into|onto)\b"),
    beside(
        PUSH,
        rf"(?:{FLIES}){HOW}(?:in\b|into\b|inwards?\b|forwards?\b|closer\b|towards?\b)",
        rf"(?:{FLIES})(?:\s+\w+){{1,5}}?\s+(?:closer|towards?|forwards?)\b",
        rf"(?:{FLIES}){HOW}{THROUGH}|\bapproach(?:es|ing)?\b",
        rf"推(?![着开销翻倒理荐土])|[向往]前{ADVERB}(?:移动?|推|飞|运动|滑|进|穿)|[向往]前(?=\W|$)"
        r"|前进|前移|靠近|逼近|移近|贴近|走近|穿过|穿越|飞越|飞过|掠过|深入",
    ),
    beside(
        PULL,
        rf"(?:{FLIES}){HOW}(?:out\b|back\b|backwards?\b|away\b)(?:\s+from\b)?",
        rf"\bretreat(?:s|ing)?\b|\bback(?:s|ing)?\s+(?:away|off|out|up)\b|拉(?![近着开手])|后退|[向往]后{ADVERB}(?:移动?|退|飞|拉)?|后移|远离|退后",
    ),
    beside(
        LEFT,
        rf"(?:{FLIES}){HOW}{TO_LEFT}|(?:{FLIES})(?:\s+\w+){{1,4}}?\s+(?:to|towards)\s+the\s+left\b",
        rf"[向往朝]{ADVERB}左{CN_PLACE}{ADVERB}(?:移动?|转动?|滑动?|推移?|运动)?(?![走跑看望飞驶奔游])"
        r"|左(?:侧|边|方)?(?:移动?|转|滑)",
    ),
    beside(
        RIGHT,
        rf"(?:{FLIES}){HOW}{TO_RIGHT}|(?:{FLIES})(?:\s+\w+){{1,4}}?\s+(?:to|towards)\s+the\s+right\b",
        rf"[向往朝]{ADVERB}右{CN_PLACE}{ADVERB}(?:移动?|转动?|滑动?|推移?|运动)?(?![走跑看望飞驶奔游])"
        r"|右(?:侧|边|方)?(?:移动?|转|滑)",
    ),
    beside(
        UP,
        rf"(?:{FLIES}|\blook(?:s|ing)?){HOW}{UPWARD}"
        r"|\b(?:ris(?:e|es|ing)|ascend(?:s|ing)?|lift(?:s|ing)?)\b",
        rf"仰视(?!角度|镜头|视角)|上升|升起|升高|抬升|抬起|上仰|仰起|[向往朝]{ADVERB}上{CN_PLACE}{ADVERB}(?:移动?|升|抬|仰|运动)?",
    ),
    beside(
        DOWN,
        rf"(?:{FLIES}|\blook(?:s|ing)?){HOW}{DOWNWARD}|\b(?:descend(?:s|ing)?|lower(?:s|ing)?)\b",
        rf"俯视(?!角度|镜头|图|视角)|下降|降落|降低|下俯|俯下|[向往朝]{ADVERB}下{CN_PLACE}{ADVERB}(?:移动?|降|俯|运动)?",
    ),
    beside(
        ORBIT,
        rf"\b(?:orbit|circl|arc|rotat|revolv)(?:e|s|es|ing)?\b(?:{HOW}(?:{TO_LEFT}|{TO_RIGHT}))?",
        r"环绕|围绕|绕着?|旋转|转动",
    ),
    beside(ROLL, r"\b(?:roll|spin)(?:s|ning|ing)?\b", r"倾斜|翻滚|侧倾"),
    beside(
        HANDHELD,
        r"\b(?:shak(?:e|es|ing|y)|wobbl(?:e|es|ing|y)|sway(?:s|ing)?|jitter(?:s|ing|y)?)\b",
        r"(?:左右|上下)?(?:晃动|抖动|摇晃|颤动)",
    ),
    beside(
        STATIC,
        r"\b(?:hold|pause|stop)(?:s|es|ing|ping)?\b"
        r"(?=\s*(?:\W*$|still\b|steady\b|there\b|briefly\b|for\s+a\b))(?:\s+(?:still|steady|there))?",
        r"停住|停下|停留|定住|定格|固定|静止|不动",
    ),
    # --- words that leave the direction open
    free(
        PUSH,
        r"\bzoom(?:s|ing|ed)?\b(?!\s*(?:out|call|meeting|lens))|\bdolly(?:ing)?\b",
        r"变焦|缩放|推拉",
        also_denies=(Move.PULL,),
    ),
    free(
        ASIDE,
        rf"{PANS_SURELY}{HOW}(?:across|over|along|around)\b",
        r"\bpan(?:s|ning)\b|\bpan\b(?!\s+(?:of|with|on|in|full)\b)",
        r"横移|平移|摇镜头?|移镜头?|甩镜头?|摇移|摇摄|横摇|^\W*摇\W*$",
        picks=True,
    ),
    free(UPRIGHT, r"\b(?:tilt|tilting|tilts)\b|俯仰|升降", picks=True),
    beside(ASIDE, r"\blook(?:s|ing)?\s+around\b", r"环顾(?:四周)?|环视(?:四周)?|四处张望"),
)

# the moves that are meant by a bare direction after another move: "pan left and then right"
ELLIPSES: Final = (
    (Move.LEFT, words(rf"{TO_LEFT}", "左")),
    (Move.RIGHT, words(rf"{TO_RIGHT}", "右")),
    (Move.UP, words(UPWARD, "上")),
    (Move.DOWN, words(DOWNWARD, "下")),
    (Move.PUSH, words(r"(?:in|forwards?|closer)\b", "近")),
    (Move.PULL, words(r"(?:out|backwards?|back|away)\b(?!\s+of\b)", "远")),
)

EVERY_MOVE: Final = words(
    r"\bcamera\s+(?:movement|motion|move)s?\b", r"镜头(?:移动|运动)|运镜|移动镜头"
)
# the side of an orbit or a roll
BESIDE_IT = r"(?:\s+(?!left|right)\w+){0,4}?"
LEFTWARD: Final = words(
    rf"{TURNS}\w*(?:{HOW}{TO_LEFT}|{BESIDE_IT}\s+to\s+(?:the\s+)?left\b)|\barc\s+shot\s+to\s+the\s+left",
    r"\b(?:counter|anti)-?clockwise\b|逆时针|[向往朝]左|左(?:环绕|旋转|倾斜)",
)
RIGHTWARD: Final = words(
    rf"{TURNS}\w*(?:{HOW}{TO_RIGHT}|{BESIDE_IT}\s+to\s+(?:the\s+)?right\b)|\barc\s+shot\s+to\s+the\s+right",
    r"\bclockwise\b|顺时针|[向往朝]右|右(?:环绕|旋转|倾斜)",
)
