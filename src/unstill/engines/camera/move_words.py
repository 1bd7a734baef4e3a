"""The words that name a camera move, in English and Chinese: a table, no code.

`ALONE` words can only mean the camera ("zoom in"); `BESIDE` words mean it only in a clause that
also names the camera ("moves left" may as well be a train). Directions are the camera's own: a
pan to the left shows more of what is on the left.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final


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


def words(*alternatives: str) -> re.Pattern[str]:
    """One pattern that finds any of the alternatives, whatever their case."""
    return re.compile("|".join(alternatives), re.IGNORECASE)


CAMERA: Final = words(
    r"\b(?:camera|lens|shot|viewpoint|pov|view|cinematograph\w*)\b",
    r"镜头|相机|摄影机|摄像机|机位|视角|运镜|视野",
)
# a clause that starts so goes on speaking of what the one before it spoke of
GOES_ON: Final = words(r"^\W*(?:and|while|as well as|also)\b", r"^\W*(?:并|同时|再|接着|随后|最后)")

HOW = r"(?:\s+|-)(?:(?:very\s+)?\w+ly\s+)?"  # "push slowly in"
# "she pulls out a knife", "he pushes in the door": a thing is moved, not the camera
NO_THING = r"(?!\s+(?:an?|the|his|her|their|its|my|your|some)\s+(?!scene|shot|frame|view))"
TRAVELS = r"\b(?:mov|glid|fl|float|advanc|driv|slid|drift|sweep|swing|travel|turn|go|com)"
TRAVELS += r"(?:e|y|s|es|ies|ing|ying)?" + HOW
PANS = r"\b(?:whip\s?pan|pan|truck)(?:s|ning|ned|ing|ed)?" + HOW
TILTS = r"\b(?:tilt|pan|crane|boom|pedestal|jib)(?:s|ing|ning|ned|ed)?" + HOW
TO_LEFT = r"(?:to\s+(?:the\s+)?)?left(?:wards?)?\b"
TO_RIGHT = r"(?:to\s+(?:the\s+)?)?right(?:wards?)?\b"
UPWARD, DOWNWARD = r"up(?:wards?)?\b", r"down(?:wards?)?\b"

ALONE: Final = {
    Move.VERTIGO: words(
        r"\b(?:dolly[\s-]zoom|zolly|vertigo\s+(?:effect|shot|zoom)|hitchcock\s+zoom)\b|^\W*vertigo\W*$",
        r"希区柯克(?:式)?(?:变焦|镜头)|滑动变焦|眩晕(?:镜头|变焦|效果)",
    ),
    Move.PUSH: words(
        rf"\b(?:push|dolly|zoom|track|creep|dollie|move)(?:s|es|d|ed|ing)?{HOW}"
        rf"(?:in|inwards?|closer)\b{NO_THING}",
        r"\bclos(?:e|es|ing) in on\b",
        r"推进(?!器|剂|力)|推近|推镜|推轨|镜头推|拉近|前推",
    ),
    Move.PULL: words(
        rf"\b(?:pull|dolly|zoom|track|dollie|move)(?:s|es|d|ed|ing)?{HOW}"
        rf"(?:out|outwards?|back|backwards?|away)\b{NO_THING}",
        r"拉远|拉开镜头|拉镜|后拉|镜头拉(?!近)",
    ),
    Move.LEFT: words(
        rf"{PANS}{TO_LEFT}|\bleft(?:ward)?\s+pan\b",
        r"左(?:侧|边|方)?(?:缓缓|缓慢|慢慢|快速|轻微)?(?:平移|横移|摇|扫)|镜头左移",
    ),
    Move.RIGHT: words(
        rf"{PANS}{TO_RIGHT}|\bright(?:ward)?\s+pan\b",
        r"右(?:侧|边|方)?(?:缓缓|缓慢|慢慢|快速|轻微)?(?:平移|横移|摇|扫)|镜头右移",
    ),
    Move.UP: words(
        rf"{TILTS}{UPWARD}|\bupward\s+(?:tilt|pan)\b",
        r"[向往朝]上(?:方)?(?:缓缓|缓慢|慢慢|快速|轻微)?(?:平移|摇|扫)|上摇|升镜|镜头上移",
    ),
    Move.DOWN: words(
        rf"{TILTS}{DOWNWARD}|\bdownward\s+(?:tilt|pan)\b",
        r"[向往朝]下(?:方)?(?:缓缓|缓慢|慢慢|快速|轻微)?(?:平移|摇|扫)|下摇|降镜|镜头下移",
    ),
    Move.ORBIT: words(
        r"\borbit(?:s|ing)?\s+(?:shot|move|left|right|(?:around|round)\s+(?:the\s+)?"
        r"(?:subject|scene|character|person|object|him|her|it|them)\b)|\borbital\s+(?:shot|move)\b",
        r"^\W*(?:(?:slow|fast|gentle|smooth|quick)(?:ly)?\s+)?orbit(?:s|ing)?\b",
        r"\barc\s+shot\b|\bbullet[\s-]time\b|环绕(?:镜头|拍摄|运镜|主体|人物)|环拍|绕拍",
    ),
    Move.ROLL: words(
        r"\bdutch\s+(?:angle|tilt|roll)\b|\b(?:camera|barrel)\s+rolls?\b|\brolls?\s+the\s+camera\b",
        rf"\btilt(?:s|ing)?\s+(?:{TO_LEFT}|{TO_RIGHT}|sideways\b)",
        r"荷兰角|滚转|镜头(?:倾斜|翻转|滚动)|斜角镜头",
    ),
    Move.HANDHELD: words(
        r"\bhand-?\s?held\b|\bcamera\s+shak(?:e|es|ing)\b|\bsha(?:ky|king)\s+cam(?:era)?\b",
        r"手持|镜头(?:晃动|抖动|摇晃)",
    ),
    Move.STATIC: words(
        r"\b(?:static|fixed|locked(?:[\s-](?:off|down))?|stationary|motionless|still)\s+"
        r"(?:camera|shot|frame|view|viewpoint)\b|\btripod\s+shot\b|^\W*static\W*$",
        r"\b(?:camera|lens)\s+(?:(?:is|stays|remains|holds|keeps|stands)\s+)?(?:\w+ly\s+)?"
        r"(?:static|fixed|still|stationary|locked|motionless)\b",
        r"\b(?:no|without(?:\s+any)?)\s+camera\s+(?:movement|motion|move)s?\b",
        r"\b(?:camera|lens)\s+(?:\w+\s+not|\w+n['’]t)\s+move\b",
        r"\b(?:do\s+not|don['’]?t|never)\s+move\s+the\s+camera\b",
        r"固定(?:的)?(?:镜头|机位|视角|相机)|静止镜头|定镜头",
        r"(?:镜头|机位|相机|视角)(?:保持|始终)?(?:固定|不动|静止|不移动|不要动|不要移动|不变)",
        r"(?:不要|别|无需|不)移动镜头|[无没有]运镜|(?:不要|没有|无需)运镜",
    ),
}

BESIDE: Final = {
    Move.PUSH: words(
        rf"{TRAVELS}(?:in\b|forwards?\b|closer\b|towards?\b)|\bapproach(?:es|ing)?\b",
        r"推|向前|前进|前移|靠近|逼近|移近|贴近",
    ),
    Move.PULL: words(
        rf"{TRAVELS}(?:out|back|backwards?|away)\b|\bretreat(?:s|ing)?\b",
        r"拉(?!近)|后退|向后|后移|远离|退后",
    ),
    Move.LEFT: words(TRAVELS + TO_LEFT, r"左(?:侧|边|方)?(?:移|转|滑)|[向往朝]左"),
    Move.RIGHT: words(TRAVELS + TO_RIGHT, r"右(?:侧|边|方)?(?:移|转|滑)|[向往朝]右"),
    Move.UP: words(
        r"\b(?:ris(?:e|es|ing)|ascend(?:s|ing)?|lift(?:s|ing)?)\b|\blook(?:s|ing)? up\b",
        TRAVELS + UPWARD,
        r"上升|升起|抬升|抬起|上移|上仰|仰起|[向往朝]上",
    ),
    Move.DOWN: words(
        r"\b(?:descend(?:s|ing)?|lower(?:s|ing)?)\b|\blook(?:s|ing)? down\b",
        TRAVELS + DOWNWARD,
        r"下降|降落|下移|下俯|俯下|[向往朝]下",
    ),
    Move.ORBIT: words(
        r"\b(?:orbit|circl|arc|rotat|revolv)(?:e|s|es|ing)?\b", r"环绕|围绕|绕着?|旋转|转动"
    ),
    Move.ROLL: words(r"\broll(?:s|ing)?\b", r"倾斜|翻滚|侧倾"),
    Move.HANDHELD: words(
        r"\b(?:shak(?:e|es|ing|y)|wobbl(?:e|es|ing|y)|sway(?:s|ing)?)\b", r"晃动|抖动|摇晃|颤动"
    ),
}

# words that leave the direction open, and so speak of two moves at once; each is heard only where
# neither of the two is named by itself
EITHER: Final = (
    ((Move.PUSH, Move.PULL), words(r"\b(?:zoom(?:s|ing|ed)?|dolly(?:ing)?)\b", r"变焦|缩放|推拉")),
    (
        (Move.LEFT, Move.RIGHT),
        words(r"\bpan(?:s|ning)\b|^\W*pan\b|\b(?:or|and|no|not|camera|slow|fast)\s+pan\b"),
    ),
    ((Move.LEFT, Move.RIGHT), words(r"横移|平移|摇镜|摇移|摇(?!晃|动|头|尾|曳|摆|篮)")),
    ((Move.UP, Move.DOWN), words(r"\b(?:tilting|tilts)\b|^\W*tilt\b|\b(?:or|no|camera)\s+tilt\b")),
    ((Move.UP, Move.DOWN), words(r"俯仰|升降")),
)
EVERY_MOVE: Final = words(
    r"\bcamera\s+(?:movement|motion|move)s?\b", r"镜头(?:移动|运动)|运镜|移动镜头"
)

SLOW: Final = words(
    r"\b(?:slow(?:ly)?|gent(?:le|ly)|slight(?:ly)?|subtl[ey]|soft(?:ly)?|gradual(?:ly)?)\b",
    r"\ba\s+(?:little|bit)\b|缓缓|缓慢|慢慢|慢速|轻微|轻轻|轻柔|微微|略微|稍微|稍稍|柔和|平缓",
)
FAST: Final = words(
    r"\b(?:fast|quick(?:ly)?|rapid(?:ly)?|sudden(?:ly)?|swift(?:ly)?|dramatic(?:ally)?|whip)\b",
    r"快速|迅速|飞快|急速|急剧|猛然|猛地|剧烈|大幅",
)
FILLER: Final = words(r"\bplease\b", r"[\s地的着请]+$", r"^\s+")
# the side of an orbit or a roll
LEFTWARD: Final = words(
    rf"\b(?:orbit|circl|arc|rotat|revolv|roll|tilt|turn)\w*{HOW}{TO_LEFT}",
    r"\b(?:counter|anti)-?clockwise\b|逆时针|[向往朝]左|左(?:环绕|旋转|倾斜)",
)
RIGHTWARD: Final = words(
    rf"\b(?:orbit|circl|arc|rotat|revolv|roll|tilt|turn)\w*{HOW}{TO_RIGHT}",
    r"\bclockwise\b|顺时针|[向往朝]右|右(?:环绕|旋转|倾斜)",
)

NEGATION: Final = words(
    r"\b(?:no|not|never|without|avoid(?:ing)?|cannot|nor|dont)\b|\b\w+n['’]t\b",
    r"不要|不得|不许|不能|不可|无需|不需要?|不用|禁止|避免|没有|切勿",
    r"别(?=推|拉|摇|移|升|降|变焦|缩放|环|旋|晃|抖|下|让镜头)",
    r"[不无](?=推|拉|摇|移|升|降|变焦|缩放|环|旋|晃|抖|下雨|下雪)",
)
# what ends the reach of a negation inside its clause; "and" does only after "don't" and "not":
# "without panning and zooming" denies both, "don't zoom and pan left" the first
CONTRAST: Final = words(r"\b(?:but|just|only|instead|rather|then|while)\b", r"而是|只|但")
AND: Final = words(r"\band\b")
DENIES_A_LIST: Final = words(r"no|without|avoid\w*")
CLAUSE_END: Final = words(r"[,.;:!?,。;:!?\n]+|\bthen\b|然后|接着|随后")
