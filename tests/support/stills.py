"""Photos that packages ship, which the camera engine is judged on: found here, never copied.

A third of them (`JUDGED_ON`) is kept apart: no constant was chosen, and none may be, while looking
at these. On a machine that lacks a package its tests are skipped with the reason, but never in CI.
"""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from unstill.media.decode import open_frame

Rgb = NDArray[np.uint8]  # (height, width, 3)

OUR_OWN: Final = Path(__file__).parents[2] / "photos"
OPENCV_DOC: Final = Path("/usr/share/doc/opencv-doc/examples/data")
LOMIRI: Final = Path("/usr/share/backgrounds")
MATE: Final = LOMIRI / "mate/nature"
PACKAGES: Final = {OPENCV_DOC: "opencv-doc", LOMIRI: "lomiri-wallpapers", MATE: "mate-backgrounds"}
SCIKIT_IMAGE: Final = Path("skimage/data")  # below what `import skimage` finds

# What may be looked at while the engine is built.
TUNED_ON: Final = {
    **{name: OUR_OWN / f"{name}.jpg" for name in ("astronaut", "chelsea", "coffee", "rocket")},
    "motorcycle": SCIKIT_IMAGE / "motorcycle_left.png",
    "page": SCIKIT_IMAGE / "page.png",
    "cameraman": SCIKIT_IMAGE / "camera.png",
    "hubble": SCIKIT_IMAGE / "hubble_deep_field.jpg",
    "aloe": OPENCV_DOC / "aloeL.jpg",
    "building": OPENCV_DOC / "building.jpg",
    "church": OPENCV_DOC / "home.jpg",
    "street_a": OPENCV_DOC / "leuvenA.jpg",
    "street_b": OPENCV_DOC / "leuvenB.jpg",
    "graffiti_1": OPENCV_DOC / "graf1.png",
    "graffiti_3": OPENCV_DOC / "graf3.png",
    "footballer": OPENCV_DOC / "messi5.jpg",
    "fruit": OPENCV_DOC / "fruits.jpg",
    "starry_night": OPENCV_DOC / "starry_night.jpg",
    "squirrel": OPENCV_DOC / "squirrel_cls.jpg",
    "text": OPENCV_DOC / "imageTextN.png",
    "mountains": LOMIRI / "picosdeeuropa_by_Aitzol_Berasategi.jpg",
    "dandelion": LOMIRI / "seeding_by_Clements_Engelhardt.jpg",
    "sunset": LOMIRI / "sunset_by_Aitzol_Berasategi.jpg",
    "stream": LOMIRI / "life_by_Aitzol_Berasategi.jpg",
    "dogs": LOMIRI / "friends_by_Aitzol_Berasategi.jpg",
    "storm": MATE / "Storm.jpg",
    "dune": MATE / "Dune.jpg",
}
# What the engine is judged on, and nothing else.
JUDGED_ON: Final = {
    "puppy": OPENCV_DOC / "chicky_512.png",
    "butterfly": OPENCV_DOC / "butterfly.jpg",
    "mandrill": OPENCV_DOC / "baboon.jpg",
    "circuit_board": OPENCV_DOC / "board.jpg",
    "sudoku": OPENCV_DOC / "sudoku.png",
    "cards": OPENCV_DOC / "cards.png",
    "books_left": OPENCV_DOC / "left.jpg",
    "books_right": OPENCV_DOC / "right.jpg",
    "toys": OPENCV_DOC / "rubberwhale1.png",
    "clock": LOMIRI / "greentock_by_Peter_Nerlich.jpg",
    "autumn_hills": LOMIRI / "aitzgorri_by_Aitzol_Berasategi.jpg",
    "bridge": LOMIRI / "Bridge_by_Sander_Klootwijk.jpg",
    "nuthatch": LOMIRI / "Kleiber_by_Lukas_Baubkus.jpg",
    "interior": LOMIRI / "Wine_by_Jakkub_Mede.jpg",
    "flower": MATE / "Garden.jpg",
    "meadow": MATE / "GreenMeadow.jpg",
    "ladybird": MATE / "LadyBird.jpg",
}


def still_path(name: str) -> Path:
    """Where a photo is; skips the test where its package lacks, and fails it in CI."""
    path = (TUNED_ON | JUDGED_ON)[name]
    if not path.is_absolute():
        spec = importlib.util.find_spec(path.parts[0])
        path = Path(spec.origin or "").parents[1] / path if spec else path
    if not path.exists():
        folder = next((p for p in (MATE, LOMIRI, OPENCV_DOC) if path.is_relative_to(p)), None)
        why = f"no {path.name} here: install {PACKAGES[folder] if folder else 'scikit-image'}"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return path


@cache
def still(name: str) -> Rgb:
    """A photo as the engine reads it, not to be written to."""
    pixels = open_frame(still_path(name))
    pixels.flags.writeable = False
    return pixels
