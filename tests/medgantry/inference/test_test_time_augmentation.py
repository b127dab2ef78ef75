from pathlib import Path

import torch

from medgantry.inference import Segmenter
from medgantry.inference.running_mean import RunningMean
from medgantry.inference.test_time_augmentation import every_flip, flipped_answers
from tests.medgantry.brightness import make_ensemble, write_case


def averaged(function, image: torch.Tensor) -> torch.Tensor:
    mean = RunningMean()
    for answer in flipped_answers(function, image, every_flip(image.ndim - 1)):
        mean.add(answer)
    return mean.value


def test_all_sets_of_axes_none_first() -> None:
    assert every_flip(2) == [(), (0,), (1,), (0, 1)]
    assert len(set(every_flip(3))) == 8


def test_an_equivariant_function_is_unchanged_bit_for_bit() -> None:
    torch.manual_seed(0)
    image = torch.randn(2, 7, 6, 5)
    network = torch.nn.Conv3d(2, 3, 1)

    def function(view: torch.Tensor) -> torch.Tensor:
        return torch.sin(3 * view) + torch.nn.functional.max_pool3d(view, 3, 1, 1)

    assert torch.equal(averaged(function, image), function(image))
    with torch.no_grad():
        assert torch.allclose(averaged(network, image), network(image), atol=1e-6)


def test_a_function_that_knows_left_from_right_is_averaged_over_mirror_images() -> None:
    image = torch.rand(1, 4, 3)
    ramp = torch.arange(4.0)[None, :, None]
    found = averaged(lambda view: view + ramp, image)
    torch.testing.assert_close(found, image + 1.5)


def test_an_answer_about_the_whole_image_is_not_mirrored() -> None:
    image = torch.rand(3, 8, 8)
    found = averaged(lambda view: view[:, 0, 0], image)
    torch.testing.assert_close(found, image[:, [0, 0, -1, -1], [0, -1, 0, -1]].mean(1))


def test_a_bundle_of_one_network_with_flips(tmp_path: Path) -> None:
    one = {"members": [(1, 2, 0)], "weights": [1]}
    plain = Segmenter(make_ensemble(tmp_path / "plain", **one))
    mirrored = Segmenter(make_ensemble(tmp_path / "mirrored", **one, test_time_augmentation="flips"))
    images, _ = write_case(tmp_path, 0)
    wanted, found = (model.predict_case({"image": images}) for model in (plain, mirrored))
    assert (found.labels == wanted.labels).all()
    assert wanted.uncertainty is None
    assert found.uncertainty is not None
