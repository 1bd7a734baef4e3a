"""The pieces that the patterns of camera moves are put together from: no pattern of its own."""

from __future__ import annotations

# "push slowly in"
HOW = r"(?:\s+|-)(?:(?:(?:very|extremely|really|so)\s+)?(?:\w+ly|fast|slow)\s+)?(?:back\s+)?"
FLIES = r"\b(?:mov|glid|fl|float|advanc|driv|slid|drift|sweep|swing|swoop|soar|div|travel|turn|go"
FLIES += r"|com|track|truck|push|pull|creep|inch|ris|climb|walk|slip|edg|head|inch|continu|dolly)"
FLIES += r"(?:e|y|s|es|ies|ing|ying)?"
PANS = r"\b(?:whip[\s-]?)?(?:pan|tilt|sweep|scan|track|truck|crane)(?:s|ing|ned|ning|ed)?"
PANS_SURELY = r"(?<!frying )(?<!a )(?<!the )\b(?:whip[\s-]?)?pan(?:s|ned|ning)?"
TILTS = r"\b(?:tilt|crane|boom|pedestal|jib)(?:s|ing|ed)?"
THROUGH = r"(?:through|over|across|past|along|above|between)\b"
TO_LEFT = r"(?:(?:to|towards?)\s+(?:the\s+)?)?left(?:wards?)?\b(?!\s+(?:hand|arm|eye|foot|leg)\b)"
TO_RIGHT = r"(?:(?:to|towards?)\s+(?:the\s+)?)?right(?:wards?)?\b"
TO_RIGHT += r"(?!\s+(?:hand|arm|eye|foot|leg|now|away|in\s+front)\b)"
UPWARD, DOWNWARD = r"up(?:wards?)?\b(?!\s+to\s+speed)", r"down(?:wards?)?\b"
TURNS = r"\b(?:orbit|circl|arc|rotat|revolv|turn|roll|tilt|spin)"

ADVERB = (  # between "镜头向左" and "平移"
    r"(?:[地的]|缓缓|缓慢|缓|慢慢|慢速|快速|迅速|飞快|急速|极速|轻微|轻轻|轻柔|稍微|稍稍|微微|略微|柔和"
    r"|平稳|平滑|匀速|逐渐|渐渐|非常|极其|十分|特别|猛地|大幅度?|小幅度?|继续|开始|一直|不断|快|慢){0,4}"
)
CN_PLACE = r"(?:侧|边|方|面|端|部|处|角)?"
CN_LOW, CN_HIGH = r"(?:下|底|低|地面|脚|足|鞋|水面)", r"(?:上|顶|高|天空|天花板|头|面部|脸|屋顶)"
LOW = r"bottom|below|ground|floor|feet|foot|base|street|water|shoes|waist|hands|grass|low"
HIGH = r"top|above|sky|ceiling|heads?|face|roof(?:tops?)?|clouds|summit|treetops|crown|spire|high"


def from_to(begin: str, end: str, chinese_begin: str, chinese_end: str) -> str:
    """A direction told by both of its ends."""
    article = r"(?:the\s+|his\s+|her\s+|its\s+|their\s+)?(?:(?:far|very|screen)[\s-]+)?"
    side = r"(?:[\s-]+(?:hand\s+)?(?:side|edge|corner|end|part)(?:\s+of\s+(?:the\s+)?\w+)?)?"
    way = r"(?:(?:over|up|upwards?|down|downwards?|across|back|all\s+the\s+way)\s+)?"
    return (
        rf"(?:\bfrom\s+)?\b{article}(?:{begin}){side}(?:\s+|-){way}(?:to|towards?|into)(?:\s+|-)"
        rf"{article}(?:{end})\b{side}"
        rf"|[从由自][^,.]{{0,4}}?{chinese_begin}{CN_PLACE}[^,]{{0,6}}?[到至往向朝而]"
        rf"(?:画面|最)?的?{chinese_end}{CN_PLACE}(?!\S{{0,2}}[走跑飞驶开游流落])"
    )


CN_PAN = rf"{CN_PLACE}{ADVERB}(?:平移|横移|横摇|摇摄|摇镜头?|摇(?![晃摆曳头])|扫过?(?![视地描]))过?"
