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
    FLICKER = "flicker"  # a flame does, a lamp, lightning
    CLOUDS = "clouds"  # drift
    WIND = "wind"  # in grass, flowers and leaves
    WATER = "water"  # ripples
    SMOKE = "smoke"  # rises
    HAIR = "hair"  # sways


# what the engine can draw: words for another effect are told as not heard
DRAWN: Final = frozenset(Effect)


# between a thing and what it does: "leaves are slowly falling", "clouds in the sky drift"
GOES: Final = (
    r"(?:\s+(?:in|on|of|from|above|over|across|around|through|by)\s+(?:the\s+|an?\s+)?"
    r"(?:\w+\s+)?\w+)?"
    r"(?:\s+(?:are|is|be|being|begins?|starts?|begin(?:ning)?|to|and|all|around|softly|still|that|down"
    r"|lazily|\w+ly|continue|continues|keep|keeps))*\s+"
)
DOES: Final = r"(?:e?s|d|ed|ing|ning)?\b"
FALLS: Final = (
    r"(?:fall|fell|drift|float|flutter|fly|flies|scatter|swirl|rain|blow|danc|tumbl|com|drop"
    rf"|glid)e?{DOES}"
)
FALLING: Final = (
    r"\b(?:falling|drifting|floating|fluttering|flying|scattering|swirling|blowing|dancing|tumbling)\s+"
    r"(?:\w+\s+){0,2}?"
)
MAKES: Final = (
    r"\b(?:make|let|makes)\s+it\s+|\bit(?:'s)?\s+(?:\w+ly\s+)?(?:(?:starts?|begins?|is)\s+"
    r"(?:to\s+)?)?(?:\w+ly\s+)?|\b(?:starts?|begins?)\s+(?:to\s+)?"
)
ADDS = r"\b(?:add(?:s|ing)?|with|falling|light|heavy|gentle|soft|thick|pouring|some)\s+"
ADDS += r"(?:(?:some|falling|a\s+bit\s+of|light|heavy|gentle|soft|a\s+little)\s+){0,2}"
CN_GOES: Final = r"[^,.]{0,5}?"

PLANTS: Final = (
    r"(?:grass(?:es)?|leaves|flowers?|trees?|branches|wheat|reeds?|plants?|fields?|meadow|willows?|palms?"
    r"|bushes|crops?|barley|bamboo|ferns?|foliage|blossoms?|dandelions?|tulips?|lavender|corn|vines?)"
)
CN_PLANTS: Final = r"(?:草|花(?![瓣])|树|叶|麦|稻|芦苇|柳|竹|枝|藤|植物|田)"
WATERS: Final = (
    r"(?:water|lake|pond|river|sea|ocean|waves?|stream|creek|brook|waterfall|tide|surf|puddle|fountain"
    r"|(?:water's|lake's|water|lake|pond)\s+surface)"
)
CN_WATERS: Final = (
    r"(?:水面|湖面|海面|江面|河面|池面|河水|湖水|溪水|海水|江水|流水|池水|水流"
    r"|小溪|溪流|瀑布|波浪|海浪|浪花|(?<!麦)浪)"
)
HAIRS: Final = r"(?:hair|fur|mane|beard|braids?|curls|locks|whiskers)"
CN_HAIRS: Final = r"(?:头发|秀发|长发|短发|发丝|发梢|刘海|鬃毛|毛发|胡须)"
SMOKES: Final = r"(?:smoke|steam|vapou?r|mist|fog|fumes)"
CN_SMOKES: Final = r"(?:烟雾?|炊烟|青烟|蒸汽|水蒸气|热气(?!球)|水汽|雾气?)"
DRAWING: Final = r"(?:sketch(?:es)?|drawing)"
# things that the wind moves and this engine cannot
LOOSE: Final = words(
    r"\b(?:hair|fur|dress|skirt|scarf|cape|cloak|flags?|cloth(?:es|ing)?|curtains?|sails?|mane|banner"
    r"|beard|ribbons?|coat|robe|veil|feathers?|smoke)\b",
    r"头发|秀发|长发|发丝|发梢|刘海|[衣裙旗帆]|围巾|窗帘|披风|斗篷|丝带|羽毛|胡须|鬃毛|纱",
)
PLANT: Final = words(rf"\b{PLANTS}\b", CN_PLANTS)

EFFECTS: Final = {
    Effect.SKETCH: words(
        rf"\b(?:(?:convert|turn|transform|chang|mak|redraw)\w*\s+(?:\w+\s+){{0,3}})?(?:in)?to\s+"
        rf"(?:\w+\s+){{0,4}}{DRAWING}\b|\bsketch\s+(?:style|effect|animation|look)\b",
        rf"\b(?:as|like|in(?:\s+the\s+style\s+of)?|become[s]?|draw|create|make|render(?:ed)?)\s+"
        rf"(?:it\s+|this\s+)?(?:as\s+)?(?:an?\s+)?(?:\w+\s+)?(?:pencil|charcoal|line|rough|hand.drawn)\s+"
        rf"{DRAWING}\b",
        rf"^\W*(?:an?\s+)?(?:\w+\s+)?(?:pencil|charcoal|line|rough|hand.drawn)\s+{DRAWING}"
        rf"(?:\s+(?:style|effect|look|animation))?\W*$",
        rf"\b(?:pencil|charcoal|hand.drawn)\s+{DRAWING}\s+(?:style|effect|look|animation)\b",
        r"(?:变成|变为|转为|转成|转换[成为]|转化[成为]|化作|化为|画成|生成|呈现)(?:一[张幅])?\S{0,4}"
        r"(?:素描|铅笔画|线稿|速写|手绘稿)",
        r"(?:素描|铅笔画|线稿|速写|手绘)(?:风格?|效果|化|动画|质感)|^\W*\S{0,3}(?:素描|铅笔画|线稿|速写|手绘稿)\W*$",
    ),
    Effect.SNOW: words(
        r"\bsnow(?:ing|fall|storm)\b(?:\s+heavily)?|\bblizzard\b|\bsnow\s+flurries\b",
        rf"(?:{MAKES})snow(?:s|ing)?\b|{ADDS}snow(?:flakes)?\b(?!\s+(?:on|cover|cap|peak|lies))",
        rf"\bsnow(?:flakes)?{GOES}{FALLS}|{FALLING}snow(?:flakes)?\b|^\W*(?:\w+\s+)?snow(?:flakes)?\W*$",
        r"\bin\s+(?:the\s+)?(?:falling|heavy|light)\s+snow\b",
        r"暴风雪|[大小中暴]雪(?:纷[纷飞]|飘)?|下[起着了]?\S{0,2}雪|[飘飞落降]着?\S{0,2}雪|雪花|雪片|风雪|鹅毛大?雪|雪[^,.]{0,3}?(?:飘落|落下|纷飞|越下|一直下)",
    ),
    Effect.RAIN: words(
        r"\brain(?:ing|fall|storm)\b(?:\s+heavily)?|\bdrizzl\w+|\bdownpour\b|\bthunderstorm\b",
        rf"(?:{MAKES})rain(?:s|ing)?\b|{ADDS}rain\b|\b(?:in|through|under)\s+the\s+(?:pouring\s+)?rain\b",
        rf"\brain(?:drops)?{GOES}(?:{FALLS}|pour\w*|lash\w*|pelt\w*|hit\w*)|{FALLING}rain(?:drops)?\b"
        r"|^\W*(?:\w+\s+)?rain\W*$|\btorrential\s+rain\b|\brainy\s+(?:day|night|street|city|weather)\b",
        r"下[起着了]?\S{0,2}雨|雨中|[大小细暴阵雷]雨|毛毛雨|雨滴|雨点|雨丝|雨水|[降飘]着?\S{0,2}雨|风雨|倾盆|雨[^,.]{0,3}?(?:越下|一直下|不停地?下|落下)",
    ),
    Effect.PETALS: words(
        rf"\b(?:petals?|(?:cherry\s+)?blossoms?){GOES}{FALLS}|{FALLING}(?:cherry\s+)?(?:petals?|blossoms?)\b",
        r"(?:花瓣|樱花|落花|桃花|梨花|花)雨|(?:花瓣|樱花|桃花|梨花|落花)"
        + CN_GOES
        + r"[飘落飞洒舞]",
        r"(?:飘落|飞舞|散落|飘舞|飘散|飘|落)[着下的]{0,2}(?:粉色)?的?(?:花瓣|樱花)|落英缤纷",
    ),
    Effect.LEAVES: words(
        rf"\b(?:leaves|foliage){GOES}{FALLS}|{FALLING}(?:leaves|leaf)\b",
        r"(?:树叶|落叶|枫叶|黄叶|叶子|叶片|银杏叶)"
        + CN_GOES
        + r"(?:飘(?!动)|落下?|飞舞|纷飞|飞扬)",
        r"(?:飘落|飞舞|散落|飘舞|飘散|吹落)[着下的了]{0,2}的?(?:树叶|落叶|枫叶|黄叶|叶子|银杏叶)",
    ),
    Effect.EMBERS: words(
        r"\b(?:\w+ing\s+)?embers\b|\b(?:fire|glowing|flying|floating|rising)\s+sparks\b",
        rf"\bsparks{GOES}(?:fly|rise|rising|shoot|burst|{FALLS})\w*",
        r"火星(?:子)?"
        + CN_GOES
        + r"[溅飞升飘迸]|余烬|火花"
        + CN_GOES
        + r"[溅飞升飘迸]|[飞飘]\S{0,2}火[星花]",
    ),
    Effect.DUST: words(
        rf"\b(?:dust(?:\s+(?:particles|motes))?|motes|(?:glowing\s+)?particles|specks){GOES}(?:{FALLS}|hang\w*|glow\w*)",
        rf"{FALLING}(?:dust(?:\s+particles)?|motes|particles|specks)\b|\bdust\s+(?:motes|particles)\b",
        r"(?:灰尘|尘埃|微尘|浮尘|尘粒|光尘|粒子)"
        + CN_GOES
        + r"[飘浮飞舞]|[飘漂浮飞][浮动舞]?[着的]{0,2}(?:灰尘|尘埃|微尘|粒子)|浮尘",
    ),
    Effect.CONFETTI: words(
        rf"\bconfetti\b(?:{GOES}{FALLS})?",
        r"(?:彩带|彩纸|纸屑|彩色纸片|礼花)(?:" + CN_GOES + r"[飘落飞洒])?",
    ),
    Effect.FIREWORKS: words(
        r"\bfireworks?\b(?:\s+(?:explode|burst|light|bloom|go\s+off)(?:s|ing)?)?",
        r"(?:烟花|焰火|烟火)(?!女子)(?:" + CN_GOES + r"(?:绽放|盛开|升空|燃放))?",
    ),
    Effect.FLICKER: words(
        r"\b(?:(?:candle|lamp|fire|flame|torch|neon|light|bulb|lantern|screen)(?:light|sign)?s?"
        r"(?:\s+in\s+the\s+\w+)?\s+(?:\w+ly\s+)?)?flicker(?:s|ing)?\b",
        r"\b(?:flames?|candle(?:light|s)?|lanterns?|city\s+lights?|lights)\s+(?:\w+ly\s+)?"
        r"(?:danc|twinkl|blink|puls|shimmer|flash)(?:e|es|s|ing)?\b",
        r"\blightning\b(?!\s+(?:fast|quick|speed|bolt\s+logo))(?:\s+(?:flash|strik)(?:e|es|s|ing)?)?",
        r"(?:烛光|烛火|火光|火焰|灯光|灯火|蜡烛|霓虹灯?|篝火|灯笼)"
        + CN_GOES
        + r"(?:摇曳|闪烁|跳动|摇晃|闪动|忽明忽暗)",
        r"电闪雷鸣|闪电(?!般)",
    ),
    Effect.CLOUDS: words(
        rf"\b(?:clouds?|cloudscape){GOES}(?:mov|drift|roll|pass|float|rac|fly|flow|glid|scud|swirl|billow|sail|creep)"
        rf"(?:e|es|s|ing)?\b",
        r"\b(?:moving|drifting|rolling|passing|floating|racing|flowing|billowing)\s+(?:\w+\s+)?clouds\b",
        r"云(?:朵|彩|层|海|雾)?"
        + CN_GOES
        + r"(?:飘(?:[动过移]|$)?|移动|流动|翻滚|涌动|翻涌|飘浮|浮动|变幻)|流云|云卷云舒",
    ),
    Effect.WIND: words(
        rf"\b(?:wind|breeze){GOES}(?:blow|mov|sway|stir|rustl|ruffl|whistl|sweep|caress)(?:e|es|s|ing)?\b",
        rf"\b{PLANTS}{GOES}(?:sway|rustl|wav|bend|mov|rippl|trembl|quiver)(?:e|es|s|ing)?\b(?:\s+in\s+(?:the\s+|a\s+)?(?:\w+\s+)?(?:wind|breeze))?",
        rf"\b(?:swaying|rustling|waving)\s+(?:\w+\s+)?{PLANTS}\b",
        r"\b(?:wind|breeze)\s+(?:in|through|over|across)\s+(?:the\s+)?\w+",
        r"\bin\s+(?:the|a)\s+(?:\w+\s+)?(?:wind|breeze)\b|\bwindy\b|^\W*(?:\w+\s+)?(?:wind|breeze)\W*$",
        r"(?:随|迎)风(?:摇曳|摇摆|摆动|起舞|轻轻摇曳|飘动|飘扬|飘)?|风吹(?:过|动|拂)?|微风(?:轻?拂|吹过?)?|起风|刮风|狂风|大风",
        CN_PLANTS + CN_GOES + r"(?:摇曳|摇摆|摆动|起伏|摇动|摇晃|晃动)|麦浪",
    ),
    Effect.WATER: words(
        rf"\b{WATERS}{GOES}(?:rippl|shimmer|flow|lap|wav|crash|roll|undulat|break|mov|sparkl|splash|surg|glisten|swell|cascad|tumbl|pour|rush)"
        rf"(?:e|es|s|ing|ping)?\b",
        rf"\b(?:rippling|shimmering|flowing|crashing|rolling|lapping|sparkling|breaking|moving)\s+"
        rf"(?:\w+\s+)?{WATERS}\b|(?<!grass )(?<!wheat )(?<!field )\bripples\b"
        r"|\b(?:gentle|small|big|huge|ocean|sea|stormy)\s+waves\b|^\W*waves\W*$",
        rf"波光粼粼|粼粼|波光|涟漪|水波|水纹|{CN_WATERS}"
        + CN_GOES
        + r"(?:荡漾|波动|流动|起伏|流淌|翻滚|拍打|涌动|流|涌|泛起|奔腾|冲击|拍岸)",
    ),
    Effect.SMOKE: words(
        rf"\b{SMOKES}{GOES}(?:ris|drift|curl|billow|swirl|float|mov|flow|roll|waft|spiral|danc|climb|pour|linger|stream)"
        rf"(?:e|es|s|ing)?\b",
        rf"\b(?:rising|drifting|curling|billowing|swirling|floating|moving|rolling|wafting)\s+(?:\w+\s+)?{SMOKES}\b",
        CN_SMOKES
        + CN_GOES
        + r"(?:升起|上升|升腾|冒出|飘[散动荡升]?|缭绕|弥漫|袅袅|涌动|流动|翻滚|翻涌)"
        r"|袅袅\S{0,2}(?:烟|热气)",
    ),
    Effect.HAIR: words(
        rf"\b{HAIRS}{GOES}(?:blow|sway|wav|flow|flutter|mov|stream|drift|danc|billow|whip|fly|flies|ruffl)"
        rf"(?:e|es|s|ing|n)?\b(?:\s+in\s+(?:the\s+|a\s+)?(?:\w+\s+)?(?:wind|breeze))?",
        rf"\b(?:blowing|swaying|waving|flowing|fluttering|moving|flying)\s+(?:\w+\s+)?{HAIRS}\b",
        rf"\b(?:wind|breeze){GOES}(?:blow|mov|stir|ruffl|lift|play)(?:e|es|s|ing)?\s+"
        rf"(?:(?:through|with|in)\s+)?(?:\w+\s+){{0,2}}?{HAIRS}\b",
        CN_HAIRS
        + CN_GOES
        + r"(?:随风|迎风)?(?:飘动|飘扬|飘逸|飘|拂动|摆动|飞舞|飞扬|摇曳|吹动|吹起)"
        + r"|吹[动起拂]\S{0,3}"
        + CN_HAIRS,
    ),
}

LOOP: Final = words(  # the video's last frame meets its first
    r"\b(?:seamless|perfect|infinite|endless)(?:ly)?\s+(?:\w+\s+)?loop(?:s|ed|ing)?\b",
    r"\bloop(?:ing|ed|able)?\s+(?:video|animation|clip|gif|shot|background|footage)\b",
    r"\b(?:in|on|as)\s+a\s+(?:\w+\s+)?loop\b|^\W*loop(?:ing|able|ed)?\W*$",
    r"\bloops?\s+(?:seamlessly|perfectly|forever|endlessly)\b|\bloop\s+(?:it|the\s+video)\b",
    r"(?:无缝|完美|无限)循环|循环(?:播放|视频|动画|画面|短片)|^\W*循环\W*$|首尾(?:相[接连]|衔接|循环)",
)
