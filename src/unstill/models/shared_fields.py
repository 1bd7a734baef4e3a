"""Fields that several cards have with the same rule."""

from unstill.models.card import Field
from unstill.models.field_kinds import Flag, PictureField, Text, Whole

PROMPT_MOST_CHARS = (
    32_000  # OpenAI, POST /videos, prompt; the others cut longer ones or say nothing
)
SEED = Whole(  # all documents that have a range of seeds
    least=0, most=2_147_483_647, otherwise="leave it out for a random one"
)

FIRST_FRAME = Field(
    name="first_frame", kind=PictureField(), source="every document", is_required=True
)
LAST_FRAME = Field(name="last_frame", kind=PictureField(), source="Modelverse and DashScope, i2v")
PROMPT = Field(name="prompt", kind=Text(most_chars=PROMPT_MOST_CHARS), source="OpenAI, prompt")
NEGATIVE_PROMPT = Field(
    name="negative_prompt",
    kind=Text(most_chars=PROMPT_MOST_CHARS),
    source="Modelverse, input.negative_prompt",
)
RANDOM_SEED = Field(name="seed", kind=SEED, source="Modelverse, parameters.seed")


def watermark(*, default: bool, source: str) -> Field:
    return Field(name="watermark", kind=Flag(), default=default, source=source)
