"""The words for shots, which say what is seen more than what is done: they yield to every move."""

from __future__ import annotations

from typing import Final

from unstill.engines.camera.move_words import (
    ASIDE,
    DOWN,
    ORBIT,
    PULL,
    PUSH,
    UP,
    Move,
    beside,
    sure,
)

SHOT_RULES: Final = (
    sure(
        ASIDE,
        r"\b(?:tracking|trucking|slider|lateral)\s+(?:shot|move|camera)\b|\bside[\s-]scroll\w*",
        picks=True,
        yields=True,
    ),
    sure(
        PUSH,
        r"\bhyperlapse\b|\bfpv\b(?:[\s-]drone)?(?:\s+(?:shot|footage|view|flight))?",
        r"\b(?:fly|flying)[\s-]?(?:through|over)\s+(?:shot|footage|video)\b|\bfly(?:through|over)\b",
        r"\b(?:follow(?:ing)?|steadicam|dolly)[\s-](?:shot|cam)\b|\bclose[\s-]?ups?\b(?!\s+shop)",
        r"\b(?:close|macro)\s+shot\b|(?:人物|面部|脸部|眼部|产品|手部|局部)?特写(?:镜头)?|跟拍|跟镜头?|穿越机",
        yields=True,
    ),
    beside(
        PUSH,
        r"\bfollow(?:s|ing)?\b|\btrack(?:s|ing)?\b",
        r"跟随|跟着|追随|追着|追踪|跟上",
        yields=True,
    ),
    sure(
        PULL,
        r"\bbird'?s?['\s-]*eye(?:[\s-]+(?:view|shot))?\b|\b(?:overhead|top[\s-]down)\s+(?:\w+\s+)?(?:shot|view)\b",
        r"\breveal(?:\s+shot)\b|\b(?:slow|gradual|cinematic|dramatic)\s+reveal\b|鸟瞰(?:图|视角|镜头)?",
        r"\bestablishing\s+shot\b|^\W*reveal(?:s|ing)?\b|揭示全貌|展现全貌|露出全貌",
        yields=True,
    ),
    sure(
        ((Move.UP, Move.PUSH),),
        r"\b(?:drone|aerial|helicopter)\s+(?:\w+\s+)?(?:shot|footage|view|video|cinematography)s?\b",
        r"\b(?:(?:low[\s-])?flying\s+)?drone(?=\s+(?:over|above|through|across)\b)",
        r"\b(?:aerial|airborne)\b|^\W*drone\W*$|(?:无人机)?航拍(?:镜头|视角|画面)?|空中俯瞰",
        yields=True,
    ),
    beside(PULL, r"\breveal(?:s|ing)?\b", r"揭示|展现出?", yields=True),
    sure(
        UP,
        r"\b(?:low[\s-]angle|worm'?s?['\s-]*eye)(?:\s+(?:shot|view))?\b|仰拍|仰视(?:角度|镜头)?|低角度",
        r"\b(?:crane|jib|boom)\s+shot\b",
        yields=True,
    ),
    sure(
        DOWN, r"\bhigh[\s-]angle(?:\s+(?:shot|view))?\b|俯拍|俯视(?:角度|镜头)?|俯瞰", yields=True
    ),
    sure(
        ((Move.PUSH, Move.LEFT), (Move.PUSH, Move.RIGHT)),
        r"\bken\s+burns(?:[\s-]+(?:effect|style))?\b|肯[·\s]?伯恩斯(?:效果)?",
        picks=True,
        yields=True,
    ),
    sure(
        ORBIT,
        r"\b(?:parallax|2\.5d|3d\s+photo)(?:\s+(?:effect|motion|shot))?\b|视差(?:效果)?|立体照片",
        yields=True,
    ),
)
