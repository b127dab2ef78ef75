"""The trace says what the samples went through."""

import json
from copy import deepcopy

import pytest
import torch
from ignite.engine import Engine
from monai.transforms import (
    Compose,
    OneOf,
    RandAffined,
    RandFlipd,
    RandGaussianNoised,
    RandScaleIntensityd,
    RandShiftIntensityd,
    RandSpatialCropSamplesd,
    SpatialPadd,
)

from medgantry.augmentation import BatchTransforms, RandomFlip
from medgantry.errors import InvalidInput
from medgantry.loading.seeds import derive_seed
from medgantry.training.handlers.augmentation_trace import AugmentationTrace
from medgantry.training.handlers.batch_augmentation import BatchAugmentation

SEED = 3


def read(case_id):
    generator = torch.Generator().manual_seed(len(case_id))
    return {"image": torch.rand((1, 6, 7, 8), generator=generator)}


def traced(transforms, folder, published=None, cases=("case",), *, batches=None, came=lambda epoch: ["case"]):
    return AugmentationTrace(
        cases,
        Compose(transforms),
        read,
        batches,
        seed=SEED,
        came=came,
        path_of=lambda epoch: folder / f"epoch-{epoch}.json",
        publish=[].append if published is None else published.append,
    )


def as_in_training(transforms, epoch, case_id="case"):
    compose = Compose(deepcopy(transforms))
    compose.set_random_state(seed=derive_seed(SEED, epoch, case_id))
    return compose(dict(read(case_id)))


def test_the_parameters_make_the_sample_of_the_training(tmp_path):
    transforms = [
        RandSpatialCropSamplesd("image", roi_size=[4, 4, 4], num_samples=3, random_size=False),
        RandFlipd("image", prob=0.5, spatial_axis=1),
        RandScaleIntensityd("image", factors=0.3, prob=0.6),
        RandShiftIntensityd("image", offsets=0.2, prob=0.6),
    ]
    trace = traced(transforms, tmp_path)
    flipped = set()
    for epoch in (1, 2, 3, 4):
        (crops, *others) = trace.replay(epoch, "case")["transforms"]
        assert crops["transform"] == "RandSpatialCropSamplesd"
        samples = as_in_training(transforms, epoch)
        for number, sample in enumerate(samples):
            flip, scale, shift = (entry for entry in others if entry["crop"] == number)
            wanted = sample["image"].as_tensor()
            flipped.add(flip["applied"])
            factor = scale["parameters"].get("scaler.factor", 0.0) if scale["applied"] else 0.0
            offset = shift["parameters"].get("shifter.offset", 0.0) if shift["applied"] else 0.0
            made = (wanted - offset) / (1 + factor)
            made = made.flip(2) if flip["applied"] else made
            box = tuple(slice(*edges) for edges in crops["parameters"][f"cropper.cropper.slices[{number}]"])
            torch.testing.assert_close(made, read("case")["image"][(slice(None), *box)], atol=1e-5, rtol=0)
    assert flipped == {True, False}


def test_replaying_is_not_heard_by_the_training(tmp_path):
    transforms = [RandFlipd("image", prob=0.5), RandGaussianNoised("image", prob=1.0)]
    before = as_in_training(transforms, 1)
    trace = traced(transforms, tmp_path)
    assert trace.replay(1, "case") == trace.replay(1, "case")
    assert trace.replay(1, "case") != trace.replay(2, "case")
    assert torch.equal(as_in_training(transforms, 1)["image"], before["image"])


def test_one_of_shows_who_was_chosen_and_big_fields_are_described(tmp_path):
    transforms = [
        SpatialPadd("image", spatial_size=[8, 8, 8]),
        OneOf([RandFlipd("image", prob=1.0), RandGaussianNoised("image", prob=1.0, std=0.1)]),
        RandAffined("image", prob=1.0, rotate_range=[0.3, 0.3, 0.3]),
    ]
    trace = traced(transforms, tmp_path)
    chosen = set()
    for epoch in range(1, 9):
        first, last = trace.replay(epoch, "case")["transforms"]
        chosen.add(first["transform"])
        # MONAI draws them twice, and takes the second.
        angles = last["parameters"]["rand_affine.rand_affine_grid.rotate_params[1]"]
        assert len(angles) == 3
        assert all(abs(angle) <= 0.3 for angle in angles)
        if first["transform"] == "RandGaussianNoised":
            noise = first["parameters"]["rand_gaussian_noise.noise"]
            assert noise["shape"] == [1, 8, 8, 8]
            assert 0 < noise["std"] < 0.12
    assert chosen == {"RandFlipd", "RandGaussianNoised"}


def test_what_was_not_applied_has_no_parameters(tmp_path):
    trace = traced([RandScaleIntensityd("image", factors=0.3, prob=0.5)], tmp_path)
    entries = [trace.replay(epoch, "case")["transforms"][0] for epoch in range(1, 21)]
    assert {entry["applied"] for entry in entries} == {True, False}
    for entry in entries:
        assert set(entry["parameters"]) == ({"scaler.factor"} if entry["applied"] else set())


def test_named_cases_that_came_are_written_after_every_epoch(tiny, tmp_path):
    training, published = tiny(epochs=2), []
    cases = ("of rank 1", "of rank 0", "not in this epoch")

    def came(epoch):
        return {1: [], 2: ["of rank 0", "other", "of rank 1"]}[epoch]

    trace = traced([RandFlipd("image", prob=0.5)], tmp_path, published, cases, came=came)
    trace.attach(training.trainer)
    training.trainer.run()
    assert published == [tmp_path / "epoch-2.json"]
    written = json.loads(published[0].read_text())
    assert written == [trace.replay(2, "of rank 0"), trace.replay(2, "of rank 1")]
    assert written[0]["seed"] == derive_seed(SEED, 2, "of rank 0")


def test_what_a_batch_goes_through_is_there_for_every_crop(tmp_path):
    crops = RandSpatialCropSamplesd("image", roi_size=[4, 4, 4], num_samples=2, random_size=False)
    augmentation = BatchAugmentation(BatchTransforms([RandomFlip("image", 0.5, 0)]), SEED)
    trace = traced([crops], tmp_path, batches=augmentation)
    images, changed = torch.arange(128.0).reshape(2, 1, 4, 4, 4), set()

    def compare(engine, batch):
        _, *entries = trace.replay(engine.state.epoch, "case")["transforms"]
        assert [entry["crop"] for entry in entries] == [0, 1]
        for before, after, entry in zip(images, batch["image"], entries, strict=True):
            assert entry["transform"] == "RandomFlip"
            assert entry["applied"] == (not torch.equal(before, after))
            changed.add(entry["applied"])

    engine = Engine(compare)
    augmentation.attach(engine)
    engine.run([{"image": images, "case_id": ["case", "case"]}], max_epochs=8)
    assert changed == {True, False}


def test_no_case_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="needs cases"):
        traced([], tmp_path, cases=())
