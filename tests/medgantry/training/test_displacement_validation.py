import pytest
import torch

from medgantry.training.displacement_validation import DisplacementValidation

NETWORK = torch.nn.Identity()
SIZE = (16, 14, 12)


def tensors(masks=True):
    torch.manual_seed(0)
    fixed = torch.rand(1, *SIZE)
    mask = torch.zeros(1, *SIZE, dtype=torch.uint8)
    mask[:, 5:10, 4:9, 3:8] = 1
    pair = {"image": torch.cat([fixed, fixed.roll(2, 1)])}
    return pair | ({"mask": torch.cat([mask, mask.roll(2, 1)])} if masks else {})


def validation(*steps):
    field = torch.tensor(steps, dtype=torch.float32).reshape(1, 3, 1, 1, 1).expand(1, 3, *SIZE)
    return DisplacementValidation(lambda image, network: field, torch.device("cpu"))


def test_dice_before_and_after_the_right_and_no_displacement():
    (right,) = validation(2, 0, 0).measure(NETWORK, tensors())
    assert right == {"folded_share": 0.0, "dice_before": pytest.approx(0.6), "dice": 1.0}
    (nothing,) = validation(0, 0, 0).measure(NETWORK, tensors())
    assert nothing["dice"] == nothing["dice_before"]


def test_folds_are_counted_and_cases_averaged():
    field = -2 * torch.arange(float(SIZE[0])).reshape(1, 1, -1, 1, 1).expand(1, 3, *SIZE)
    folding = DisplacementValidation(lambda image, network: field, torch.device("cpu"))
    rows = [*folding.measure(NETWORK, tensors()), *validation(2, 0, 0).measure(NETWORK, tensors())]
    assert rows[0]["folded_share"] == 1.0
    found = folding.summarise(rows)
    assert found["val_folded_share"] == 0.5
    assert found["val_dice_before"] == pytest.approx(0.6)
    assert found["val_dice"] == pytest.approx((rows[0]["dice"] + 1) / 2)


def test_without_masks_only_folds_are_known():
    rows = validation(0, 0, 0).measure(NETWORK, tensors(masks=False))
    assert validation(0, 0, 0).summarise(rows) == {"val_folded_share": 0.0}


def test_it_draws_and_scrolls_where_there_are_masks(tmp_path):
    known = validation(2, 0, 0)
    known.draw(NETWORK, tensors(masks=False), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert known.scroll(NETWORK, tensors(), tmp_path / "a.gif")
    assert (tmp_path / "a.gif").read_bytes().startswith(b"GIF")
    assert not known.scroll(NETWORK, tensors(masks=False), tmp_path / "b.gif")
    assert not (tmp_path / "b.gif").exists()
