"""Batches: the same whatever makes them, resumable at any step, honest about what went wrong."""

import json
import threading
import time

import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset, list_data_collate
from monai.transforms import (
    CastToTyped,
    Compose,
    Lambdad,
    RandAffined,
    RandCropByPosNegLabeld,
    RandFlipd,
    RandGaussianNoised,
    Transform,
)
from monai.utils import set_determinism

from medgantry.errors import InvalidInput, Mismatch, StoreUnavailable
from medgantry.loading import BatchLoader, CaseReader, EpochOrder, NodeCache, derive_seed
from tests.medgantry.loading.shards import make_shards, values

CASES = [f"case-{number}" for number in range(11)]
CPU = torch.device("cpu")


def random_parts():
    keys = ["image", "label"]
    return Compose(
        [
            RandAffined(keys, prob=0.7, rotate_range=0.3, mode=("bilinear", "nearest")),
            RandCropByPosNegLabeld(keys, "label", (3, 3, 3), num_samples=2),
            RandFlipd(keys, prob=0.5),
            RandGaussianNoised("image", prob=0.7),
        ]
    )


@pytest.fixture
def shards(store, tmp_path):
    return make_shards(store, tmp_path, CASES, per_shard=3)


@pytest.fixture
def reader(shards, tmp_path):
    return CaseReader(shards, NodeCache(tmp_path / "cache", 1 << 30))


def loader_of(reader, *, transforms=None, ranks=1, batch_size=3, seed=4, threads=2, **settings):
    order = EpochOrder(CASES, seed=seed, batch_size=batch_size, ranks=ranks)
    transforms = random_parts() if transforms is None else transforms
    return BatchLoader(reader, order, transforms, seed=seed, threads=threads, device=CPU, **settings)


def copied(batches):
    return [
        {name: part if name == "case_id" else part.clone() for name, part in batch.items()}
        for batch in batches
    ]


def ids_of(batches):
    return [case_id for batch in batches for case_id in batch["case_id"]]


def assert_equal(found, wanted):
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert one.keys() == other.keys()
        assert one["case_id"] == other["case_id"]
        assert all(torch.equal(one[name], other[name]) for name in one if name != "case_id")


def test_batches_are_what_monai_makes_of_the_same_cases(reader):
    """The independent way: MONAI's data loader, one case after another."""
    loader, transforms = loader_of(reader), random_parts()
    loader.epoch = 3

    def sample(case_id):
        transforms.set_random_state(seed=derive_seed(4, 3, case_id))
        crops = transforms(reader.read(case_id))
        return [{name: crop[name].as_tensor().float() for name in ("image", "label")} for crop in crops]

    order = EpochOrder(CASES, seed=4, batch_size=3, ranks=1)
    ids = [case_id for step in range(order.steps) for case_id in order.batch(3, step)]
    peer = DataLoader(Dataset(ids, sample), batch_size=3, collate_fn=list_data_collate)
    found = list(loader)
    assert [batch["case_id"] for batch in found] == [
        [case_id for case_id in ids[first : first + 3] for _ in range(2)] for first in range(0, 11, 3)
    ]
    for one, other in zip(found, peer, strict=True):
        assert one["image"].shape[1:] == (2, 3, 3, 3)
        assert all(type(one[name]) is torch.Tensor for name in ("image", "label"))
        assert torch.equal(one["image"], torch.as_tensor(other["image"]))
        assert torch.equal(one["label"], torch.as_tensor(other["label"]))
        assert one["label"].dtype == torch.float32


def test_threads_change_no_bit_nor_does_anybodys_random_state(reader):
    wanted = copied(loader_of(reader, threads=1))
    set_determinism(7)
    np.random.random(5)
    assert_equal(copied(loader_of(reader, threads=4, ahead=4)), wanted)
    set_determinism(None)
    assert_equal(copied(loader_of(reader, threads=4, ahead=1)), wanted)


def test_epochs_differ_and_repeat(reader):
    loader = loader_of(reader)
    first = copied(loader)
    loader.epoch = 2
    second = copied(loader)
    assert ids_of(first) != ids_of(second)
    images = {
        case_id: image
        for batch in first
        for case_id, image in zip(batch["case_id"], batch["image"], strict=True)
    }
    again = {
        case_id: image
        for batch in second
        for case_id, image in zip(batch["case_id"], batch["image"], strict=True)
    }
    assert not any(torch.equal(images[case_id], again[case_id]) for case_id in CASES)
    loader.epoch = 1
    assert_equal(copied(loader), first)


def test_batches_stay_what_they_were_as_long_as_somebody_holds_them(reader):
    wanted = copied(loader_of(reader))
    assert_equal(list(loader_of(reader)), wanted)


@pytest.mark.parametrize("step", [0, 1, 3])
def test_a_training_goes_on_in_mid_epoch_on_fewer_processes(reader, step):
    """Two ranks, then one: the same cases, looking the same, in every step."""
    order = EpochOrder(CASES, seed=4, batch_size=1, ranks=2)

    def make(process, processes):
        return BatchLoader(
            reader,
            order,
            random_parts(),
            seed=4,
            threads=2,
            process=process,
            processes=processes,
            device=CPU,
        )

    both = [make(process, 2) for process in range(2)]
    wanted, states = [], []
    for loader in both:
        loader.epoch = 2
        batches = iter(loader)
        for _ in range(step):
            next(batches)
        states.append(json.loads(json.dumps(loader.state_dict())))
        wanted.append(copied(batches))
    assert states[0] == states[1]
    alone = make(0, 1)
    alone.load_state_dict(states[0])
    alone.epoch = 2  # as a trainer says at the epoch's start
    found = copied(alone)
    assert len(found) == order.steps - step
    for batch, first, second in zip(found, *wanted, strict=True):
        assert batch["case_id"] == first["case_id"] + second["case_id"]
        assert torch.equal(batch["image"], torch.cat([first["image"], second["image"]]))
    assert len(list(alone)) == len(alone) == order.steps


def test_a_state_after_an_epochs_last_step_begins_the_next(reader):
    loader = loader_of(reader)
    list(loader)
    other = loader_of(reader)
    other.load_state_dict(loader.state_dict())
    assert (other.epoch, other.start_step) == (2, 0)
    loader.epoch = 2
    assert loader.state_dict() == other.state_dict()


def test_a_state_of_other_data_or_settings_is_refused(reader, shards, tmp_path):
    state = loader_of(reader).state_dict()
    fewer = CaseReader(shards[1:], NodeCache(tmp_path / "cache", 1 << 30))
    for loader, name in [
        (loader_of(fewer), "shards"),
        (loader_of(reader, batch_size=2), "order"),
        (loader_of(reader, seed=5), "order"),
    ]:
        with pytest.raises(Mismatch, match=name):
            loader.load_state_dict(state)
        assert loader.state_dict()["epoch"] == 1


class Fragile(Transform):
    """Fails on one case."""

    def __init__(self, error):
        self.error, self.bad = error, torch.from_numpy(values("case-5")["label"])

    def __call__(self, data):
        if torch.equal(data["label"], self.bad):
            raise self.error
        return data


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (ValueError("too small"), InvalidInput, "case-5.*ValueError: too small"),
        (StoreUnavailable("away"), StoreUnavailable, "case-5: away"),
    ],
)
def test_an_error_reaches_the_consumer_with_its_case(reader, error, kind, said):
    before = threading.active_count()
    with pytest.raises(kind, match=said) as caught:
        list(loader_of(reader, transforms=Compose([Fragile(error)]), threads=3))
    assert "applying transform" in str(caught.value.__cause__)
    assert threading.active_count() == before


def test_lack_of_memory_is_not_called_the_cases_fault(reader):
    with pytest.raises(MemoryError) as caught:
        list(loader_of(reader, transforms=Compose([Fragile(MemoryError())])))
    assert "case-5" in caught.value.__notes__[0]


def test_closing_an_epoch_early_leaves_no_thread(reader):
    before = set(threading.enumerate())
    for steps in (0, 1, 2):
        batches = iter(loader_of(reader, threads=3))
        for _ in range(steps):
            next(batches)
        batches.close()
        assert set(threading.enumerate()) == before
    for _ in loader_of(reader, threads=3):
        break
    assert set(threading.enumerate()) == before


class Slow(Transform):
    done = 0
    """Of the class: the loader works with copies."""

    def __call__(self, data):
        time.sleep(0.05)
        Slow.done += 1
        return data


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_work_goes_on_ahead_of_the_consumer_but_not_further(reader):
    started = []

    class Watched(CaseReader):
        def read(self, case_id):
            started.append(case_id)
            return super().read(case_id)

    reader.__class__ = Watched
    batches = iter(loader_of(reader, transforms=Compose([Slow()]), batch_size=2, threads=2, ahead=2))
    next(batches)
    wait_for(lambda: len(started) >= 6)  # the batch in hand and two more
    time.sleep(0.5)
    assert len(started) == 6
    batches.close()


def test_the_time_that_the_consumer_waits_is_counted(reader):
    loader = loader_of(reader, transforms=Compose([Slow()]), batch_size=2, threads=1)
    before = Slow.done
    list(loader)
    hungry, begun = loader.waited_s, Slow.done
    assert hungry > 11 * 0.05 * 0.9
    for number, _ in enumerate(loader):
        ready = min(begun + 2 * (number + 2), 2 * begun - before)
        wait_for(lambda: Slow.done >= ready)  # noqa: B023 called at once
    assert loader.waited_s < 0.6 * hungry


def test_without_random_parts_cases_go_into_the_batch_as_they_are_stored(reader):
    found = copied(loader_of(reader, transforms=Compose([])))
    wanted = copied(loader_of(reader, transforms=Compose([Lambdad("image", lambda image: image)])))
    assert_equal(found, wanted)
    assert found[0]["label"].dtype == torch.float32


def test_cases_stored_in_different_types_share_a_batch(store, tmp_path):
    def mixed(case_id):
        number = CASES.index(case_id)
        image = values(case_id)["image"] * (1e6 if number % 3 == 0 else 1)
        return {"image": np.rint(image) if number % 3 == 1 else image, "class": np.asarray(number)}

    (tmp_path / "mixed").mkdir()
    shards = make_shards(store, tmp_path / "mixed", CASES, per_shard=4, tensors_of=mixed)
    dtypes = {facts["image"]["dtype"] for shard in shards for facts in shard["cases"].values()}
    assert dtypes == {"int16", "float16", "uint8"} or dtypes == {"int16", "float16"}
    reader = CaseReader(shards, NodeCache(tmp_path / "cache", 1 << 30))
    found = copied(loader_of(reader, transforms=Compose([])))
    assert_equal(
        found, copied(loader_of(reader, transforms=Compose([Lambdad("image", lambda image: image)])))
    )
    assert found[0]["class"].dtype == torch.int64
    assert found[0]["class"].tolist() == [CASES.index(case_id) for case_id in found[0]["case_id"]]


@pytest.mark.parametrize("transforms", [Compose([]), Compose([Slow()])], ids=["stored", "transformed"])
def test_shapes_that_do_not_fit_in_a_batch_are_named(store, tmp_path, transforms):
    def sized(case_id):
        return values(case_id, shape=(2, 4, 4, 4 + (case_id == "case-7")))

    (tmp_path / "sized").mkdir()
    shards = make_shards(store, tmp_path / "sized", CASES, per_shard=4, tensors_of=sized)
    reader = CaseReader(shards, NodeCache(tmp_path / "cache", 1 << 30))
    with pytest.raises(InvalidInput, match="case-7"):
        list(loader_of(reader, transforms=transforms))
    assert len(list(loader_of(reader, transforms=transforms, batch_size=1))) == 11


def test_a_number_of_processes_that_the_job_cannot_run_on_is_refused_at_once(reader):
    with pytest.raises(InvalidInput, match="3 processes"):
        loader_of(reader, ranks=2, process=0, processes=3)


def test_the_callers_threads_for_arithmetic_are_left_alone(reader):
    torch.set_num_threads(2)
    list(loader_of(reader, threads=3))
    assert torch.get_num_threads() == 2


def test_masks_of_truth_values_come_as_numbers(reader):
    """MONAI 1.6's DiceLoss with squared_pred refuses what ConvertToMultiChannelBasedOnBratsClasses makes."""
    to_bool = Compose([CastToTyped("label", dtype=torch.bool)])
    order = EpochOrder(CASES, seed=4, batch_size=3, ranks=1)
    loader = BatchLoader(reader, order, to_bool, seed=4, threads=1, device=torch.device("cpu"))
    assert next(iter(loader))["label"].dtype == torch.float32
