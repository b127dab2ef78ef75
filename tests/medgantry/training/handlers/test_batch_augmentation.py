"""Batches transformed on their way to a trainer."""

import torch
from ignite.engine import Engine

from medgantry.augmentation import BatchTransforms, RandomShiftIntensity
from medgantry.loading.seeds import derive_seed
from medgantry.training.handlers.batch_augmentation import BatchAugmentation


def test_what_a_crop_becomes_depends_on_seed_epoch_case_and_crop_alone():
    transforms = BatchTransforms([RandomShiftIntensity("image", 1.0, [-1.0, 1.0])])
    seen = {}
    engine = Engine(
        lambda engine, batch: seen.setdefault((engine.state.epoch, tuple(batch["case_id"])), batch)
    )
    BatchAugmentation(transforms, seed=3).attach(engine)
    batches = [
        {"image": torch.zeros(len(names), 1, 2, 2), "case_id": names}
        for names in (["a", "a", "b"], ["b"], ["c", "a"])
    ]
    engine.run(batches, max_epochs=2)

    def shift(epoch, names, row):
        return float(seen[epoch, names]["image"][row].mean())

    first = ("a", "a", "b")
    assert shift(1, first, 0) == shift(1, ("c", "a"), 1)
    assert shift(1, first, 2) == shift(1, ("b",), 0)
    different = {shift(1, first, 0), shift(1, first, 1), shift(1, first, 2), shift(2, first, 0)}
    assert len(different) == 4
    trace = transforms.trace(derive_seed(3, 1, "batch a crop 0"))
    assert abs(trace[0]["parameters"]["offset"] - shift(1, first, 0)) < 1e-6
    assert not batches[0]["image"].any()
