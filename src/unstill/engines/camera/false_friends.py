"""Words that sound like a move or an effect and are none: read first, and given up."""

from __future__ import annotations

from typing import Final

from unstill.engines.camera.move_words import words

# a zoom call, a frying pan, a truck that left
NO_MOVE: Final = words(
    r"\bzoom(?:s|ing|ed)?\s+(?:call|meeting|class|chat|session|background|lens|link|app|room)s?\b",
    r"\bzoom(?:s|ing|ed)?\s+(?:by|past|down|along|off|up|around|across|away\s+on)\b",
    r"\b(?:gold\s+pann\w+|pann\w+\s+(?:for\s+)?gold)\b|\bpanning\s+(?:in|at|by)\s+the\b|\bpan\s+flute\b",
    r"\b(?:frying|cooking|sauce|baking|cake|hot|metal|dust|bed|drip|peter)[\s-]+pans?\b",
    r"\btilt[\s-]shift\b|\bslow[\s-]*mo(?:tion)?\b|\bstop[\s-]motion\b|\brolling\s+hills?\b",
    r"\b(?:hand-?\s?held)\s+(?:fan|device|console|game|mirror|phone\s+case|vacuum|radio|blender|lamp"
    r"|torch|flag|lantern|steamer|drill|umbrella|camcorder)s?\b",
    r"\blens\s*flares?\b|\b(?:vinyl|dj|record)\s+turn-?tables?\b|\bstatic\s+(?:electricity|noise)\b",
    r"\btrack(?:s|ed)?\s+in\s+(?:the\s+)?(?:snow|sand|mud|grass)\b|\btrain\s+tracks?\b|\bin\s+orbit\b",
    r"\b(?:pull|push|track|move)\w*\s+(?:\w+\s+)?(?:in|out|back|away|closer)\s+"
    r"(?:an?|the|his|her|their|its|my|your|some)\s+(?!scene|shot|frame|view|camera|little|bit|lot|moment)\w+",
    r"\b(?:pull|push)\w*\s+(?:an?|the|his|her|their|its)\s+\w+\s+(?:in|out|back|away|closer)\b",
    r"\bmov\w*\s+in\s+(?:slow|harmony|sync|time|circles|rhythm|unison)\b|\brolls?\s+(?:of|the\s+dice)\b",
    r"\bclose\s+up\s+shop\b|\bon\s+a\s+roll\b|\bturn(?:s|ed|ing)?\s+(?:it|this|her|him|them)?\s*into\b",
    r"\b(?:come|comes|coming|go|goes|going)\s+(?:back\s+)?to\s+life\b|\bgo(?:es|ing)?\s+(?:out|away|in)\b(?!\s+closer)",
    r"左摇右[晃摆]|左右摇摆|摇头|摇摆|摇曳|放大镜|推[着开]|推进[器剂]|慢镜头|拉近(?:距离|关系)|把(?!镜头|画面|相机|视角)\S{1,4}(?:推|拉)"
    r"|\S{1,3}地旋转木马|旋转(?:木马|楼梯|门|餐厅)|瞳孔放大|手推车|推车|拉链|拉面|烟花.{0,2}升起|太阳.{0,3}升起|升起的太阳",
)

# what is over, or a pattern on a dress, or in the picture already
NO_EFFECT: Final = words(
    r"\b(?:stop|cease|end|finish)(?:s|ed|ing|ped|ping)?\s+(?:rain|snow)ing\b",
    r"\b(?:rain|snow|storm|snowfall|rainfall|wind)\s+(?:\w+\s+)?(?:stop|ceas|end|fad|clear|melt|eas|let)"
    r"(?:e?s|ped|ed|ping|ing)?\b",
    r"\b(?:after|before|since|instead\s+of|from)\s+(?:the\s+|an?\s+)?(?:\w+\s+)?"
    r"(?:rain|snow|storm|snowfall|rainfall|rainstorm|snowstorm|fireworks)\b",
    r"\b(?:snow(?:flake)?s?|rain(?:drop)?s?|petals?|confetti|blossoms?|leaves|leaf|clouds?|waves?)"
    r"[\s-]+(?:\w+[\s-]+)?(?:pattern|print|design|motif|sweater|dress|earring|ornament|decoration"
    r"|tattoo|logo|shape|necklace|cake|icon|sticker|wallpaper|boot|coat|jacket|globe|man|leopard)\w*\b",
    r"\b(?:pattern|print|dress|sweater|shirt|scarf|kimono|design|embroidery|decorated|embroidered|printed"
    r"|covered|mural|painting|poster|earrings?)\s+(?:\w+\s+)?(?:of|with)\s+(?:\w+\s+)?(?:snow(?:flakes?)?"
    r"|rain(?:drops?)?|petals|leaves|blossoms|clouds|waves)\b",
    r"\b(?:was|were|had\s+been)\s+(?:rain|snow)ing\b|\braindrops?\s+on\b|\bflicker[\s-]free\b|\bpurple\s+rain\b",
    r"\brain(?:s|ing)?\s+(?:down\s+)?(?:confetti|petals|money|fire|blossoms|leaves|gold)\b",
    r"[雪雨](?:已经?|都|渐渐|慢慢)?(?:停|住|化|小了)|(?:停止|不再)下[雪雨]|雨过天晴|[雪雨][前后之](?!天)",
    r"(?:雪花|花瓣|雨滴|树叶|樱花|云朵|波浪)(?:的)?(?:图案|图样|纹|形|印花|装饰|耳环|项链|贴纸|标志)",
    r"雨[伞衣靴鞋棚刷林季]|空中雨|火星(?:车|表面|探测|人|基地)|人间烟火|大雪山|下雪山|烟火气",
    r"\b(?:she|he|they|who|bus|train|plane|it|ship|car|man|woman|everybody|never)\s+leaves\b",
    # a sketch that is in the picture already, or is to be left
    r"\b(?:pencil|charcoal|line|rough|hand.drawn)?\s*(?:sketch|drawing)\s+"
    r"(?:of\s+(?:\w+\s+){1,6}?|on\s+(?:\w+\s+){1,5}?)?"
    r"(?:com(?:es|ing|e)\s+(?:to\s+life|alive)|turn|becom|transform|mov|blow|spring|jump|walk|wak|start)\w*\b",
    r"\bfrom\s+(?:an?\s+|the\s+)?(?:\w+\s+)?(?:sketch|drawing)\b",
    r"(?:素描|线稿|速写|铅笔画)(?:里的?|中的?|的|上的)?\S{0,6}(?:动起来|活过来|变成|活了|变为|复活)"
    r"|(?:这[张幅])(?:素描|线稿|速写|铅笔画)",
)
