"""What a form and the API's description say of each field: a title; a sentence with the unit."""

from __future__ import annotations

from typing import NamedTuple


class FieldLabel(NamedTuple):
    title: str
    about: str


FIELD_WORDS: dict[str, FieldLabel] = {
    "first_frame": FieldLabel("First frame", "The picture that the video begins with."),
    "last_frame": FieldLabel("Last frame", "The picture that the video ends with."),
    "prompt": FieldLabel("Prompt", "What happens in the video, in English or Chinese."),
    "negative_prompt": FieldLabel("Negative prompt", "What is not to be in the video."),
    "resolution": FieldLabel(
        "Resolution",
        "The area of the video by name; the model's `tiers` have the pixels. An exact size wins.",
    ),
    "size": FieldLabel("Exact size", "Width x height of the video in pixels, both even."),
    "aspect_ratio": FieldLabel(
        "Aspect ratio",
        "Ratio of the video's sides at the resolution's area; without it the frame's.",
    ),
    "region": FieldLabel(
        "Regions",
        "Parts of the first frame that move, where the engine moves the photo's own pixels.",
    ),
    "duration": FieldLabel("Duration", "Length of the video in seconds."),
    "seed": FieldLabel("Seed", "The same seed draws the same chance; without one it is random."),
    "watermark": FieldLabel("Watermark", "Whether the video has a visible mark."),
    "generate_audio": FieldLabel(
        "Sound", "Whether the video has sound; without it the engine does as it is used to."
    ),
    "prompt_extend": FieldLabel("Extend the prompt", "Whether the prompt may be worded out first."),
}
