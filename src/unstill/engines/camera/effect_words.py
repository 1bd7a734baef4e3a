"""The words that name an effect, in English and Chinese: a table, no code."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from unstill.engines.camera.move_words import words


class Effect(StrEnum):
    SKETCH = "sketch"
    SNOW = "snow"
    RAIN = "rain"
    PETALS = "petals"
    LEAVES = "leaves"
    EMBERS = "embers"
    DUST = "dust"  # motes in the light
    CONFETTI = "confetti"
    FIREWORKS = "fireworks"
    FLICKER = "flicker"  # of a flame, of lamps, of lightning
    CLOUDS = "clouds"  # drift
    WIND = "wind"  # in grass, flowers and leaves
    WATER = "water"  # ripples


# what the engine can draw: words for another effect are told as not heard
DRAWN: Final = frozenset(Effect) - {Effect.FLICKER, Effect.CLOUDS, Effect.WIND, Effect.WATER}


EFFECTS: Final = {
    Effect.SKETCH: words(
        r"\b(?:pencil|charcoal|line|rough|hand.drawn)\s+(?:sketch|drawing)\b|\bsketch\s+style\b",
        r"\b(?:in)?to\s+(?:\w+\s+){0,4}(?:sketch|drawing)\b",
        r"素描|铅笔画|线稿|速写|手绘稿",
    ),
    Effect.SNOW: words(
        r"\bsnow(?:ing|fall|flakes?|storm)\b|\bblizzard\b|\bit\s+snows\b",
        r"\b(?:falling|add(?:ing)?|light|heavy)\s+(?:some\s+)?snow\b",
        r"\bsnow\s+(?:\w+\s+){0,2}fall(?:s|ing)?\b",
        r"下雪|飘雪|雪花|落雪|降雪|大雪纷飞|飞雪|暴雪|飘着雪|下着雪",
    ),
    Effect.RAIN: words(
        r"\brain(?:ing|fall|drops?|storm)\b|\bit\s+rains\b|\bdrizzl\w+",
        r"\b(?:falling|add(?:ing)?|light|heavy|pouring|in\s+the)\s+(?:some\s+)?rain\b",
        r"\brain\s+(?:\w+\s+){0,2}fall(?:s|ing)?\b",
        r"下雨|雨中|大雨|细雨|小雨|雨滴|暴雨|降雨|下着雨",
    ),
    Effect.PETALS: words(
        r"\b(?:petals?|(?:cherry\s+)?blossoms?)\s+(?:\w+\s+){0,3}"
        r"(?:fall|drift|float|flutter|fly|scatter|swirl|rain|blow)(?:s|ing)?\b",
        r"\b(?:falling|drifting|floating|fluttering|flying|scattering|swirling)\s+(?:\w+\s+){0,2}"
        r"(?:petals?|blossoms?)\b",
        r"(?:花瓣|樱花|落花|桃花)(?:雨|\S{0,4}(?:飘|落|飞|洒))|(?:飘落|飞舞|散落|飘着|飘舞)的?(?:花瓣|樱花)|落英",
    ),
    Effect.LEAVES: words(
        r"\b(?:leaves|foliage)\s+(?:\w+\s+){0,3}(?:fall|drift|float|flutter|fly|swirl|blow)(?:s|ing)?\b",
        r"\b(?:falling|drifting|floating|fluttering|flying|swirling)\s+(?:\w+\s+){0,2}leaves\b",
        r"(?:树叶|落叶|枫叶|黄叶|叶子|叶片)\S{0,4}(?:飘|落下|飞)|(?:飘落|飞舞|飘着|飘舞)的?(?:树叶|落叶|枫叶|叶子)|落叶纷飞",
    ),
    Effect.EMBERS: words(
        r"\b(?:embers|(?:fire|glowing|flying|floating)\s+sparks|sparks\s+(?:\w+\s+){0,2}(?:fly|rise|float|drift)(?:s|ing)?)\b",
        r"火星|余烬|火花",
    ),
    Effect.DUST: words(
        r"\bdust\s+(?:\w+\s+){0,3}(?:float|drift|dance|swirl|hang|glow)(?:s|ing)?\b",
        r"\b(?:floating|drifting|dancing|swirling)\s+(?:\w+\s+){0,2}(?:dust|motes|particles)\b|\bdust\s+motes\b",
        r"(?:灰尘|尘埃|微尘|浮尘)",
    ),
    Effect.CONFETTI: words(r"\bconfetti\b", r"彩带|彩纸|纸屑"),
    Effect.FIREWORKS: words(r"\bfireworks?\b", r"烟花|焰火|烟火(?!气)"),
    Effect.FLICKER: words(
        r"\bflicker(?:s|ing)?\b|\b(?:lightning|lights?)\s+(?:\w+\s+)?flash(?:es|ing)?\b",
        r"(?:烛光|烛火|火光|火焰|灯光|灯火|蜡烛|霓虹)\S{0,4}(?:摇曳|闪烁|跳动|摇晃)|电闪|闪电",
    ),
    Effect.CLOUDS: words(
        r"\bclouds?\s+(?:\w+\s+){0,2}(?:mov|drift|roll|pass|float|race|fly|flow|glid|scud)(?:e|es|s|ing)?\b",
        r"\b(?:moving|drifting|rolling|passing|floating|racing)\s+clouds\b",
        r"(?:云|云朵|白云|云彩|乌云)\S{0,4}(?:飘|移动|流动|翻滚|涌动)|流云",
    ),
    Effect.WIND: words(
        r"\b(?:wind|breeze)\s+(?:\w+\s+){0,3}(?:blow|mov|sway|stir|rustl|ruffl)(?:e|es|s|ing)?\b",
        r"\b(?:grass|leaves|flowers?|trees?|branches|wheat|reeds|plants?)\s+(?:\w+\s+){0,3}"
        r"(?:sway|rustle|wave|bend)(?:s|ing)?\b|\bin\s+the\s+(?:wind|breeze)\b",
        r"随风|风吹|微风|(?:草|花|树|叶|麦浪|芦苇)\S{0,4}(?:摇曳|摇摆|摆动|起伏)",
    ),
    Effect.WATER: words(
        r"\b(?:water|lake|pond|river|sea|ocean|waves?|surface)\s+(?:\w+\s+){0,3}"
        r"(?:ripple|rippl|shimmer|flow|lap|wave|crash|roll|undulat)(?:e|es|s|ing)?\b",
        r"\b(?:rippling|shimmering|flowing|crashing)\s+(?:\w+\s+)?(?:water|lake|river|sea|ocean|waves)\b",
        r"波光|涟漪|水波|波浪|海浪|浪花|(?:水面|湖面|海面|河水|湖水|溪水)\S{0,4}(?:荡漾|波动|流动|起伏|流淌)",
    ),
}

LOOP: Final = words(  # the video's last frame meets its first
    r"\b(?:seamless|perfect|infinite|endless)(?:ly)?\s+(?:\w+\s+)?loop(?:s|ed|ing)?\b",
    r"\bloop(?:ing|ed|able)?\s+(?:video|animation|clip|gif|shot|background|footage)\b",
    r"\b(?:in|on|as)\s+a\s+(?:\w+\s+)?loop\b|^\W*loop(?:ing|able|ed)?\W*$",
    r"\bloops?\s+(?:seamlessly|perfectly|forever|endlessly)\b|\bloop\s+(?:it|the\s+video)\b",
    r"(?:无缝|完美|无限)循环|循环(?:播放|视频|动画|画面|短片)|^\W*循环\W*$|首尾(?:相[接连]|衔接|循环)",
)
