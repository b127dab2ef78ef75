from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medgantry.explain import draw_explanation


def test_the_image_and_each_map_are_drawn(tmp_path: Path) -> None:
    image = np.full((30, 40, 3), 200, dtype=np.uint8)
    heat = np.zeros((30, 40), dtype=np.float32)
    heat[:15, 20:] = 1.0
    draw_explanation(tmp_path / "both.png", image, {"zeros": 0 * heat, "heat": heat}, "a case")
    with Image.open(tmp_path / "both.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert pixels.shape[1] > 2 * pixels.shape[0]
    coloured = np.abs(pixels - pixels.mean(axis=2, keepdims=True)).max(axis=2) > 30
    thirds = np.array_split(coloured, 3, axis=1)
    assert [bool(third.any()) for third in thirds] == [False, False, True]
    middle_row, middle_column = np.argwhere(thirds[2]).mean(axis=0)
    assert middle_row < thirds[2].shape[0] * 0.55
    assert middle_column > thirds[2].shape[1] / 2


def test_without_maps_there_is_the_image(tmp_path: Path) -> None:
    draw_explanation(tmp_path / "one.png", np.zeros((8, 8, 3), dtype=np.uint8), {}, "")
    assert (tmp_path / "one.png").stat().st_size > 0


def test_a_map_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"heat is \(8, 9\)"):
        draw_explanation(
            tmp_path / "x.png",
            np.zeros((8, 8, 3), dtype=np.uint8),
            {"heat": np.zeros((8, 9), np.float32)},
            "",
        )
