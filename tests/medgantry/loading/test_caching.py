"""Every way of keeping cases gives what reading them gives."""

from collections import Counter

import pytest
import torch
from monai.data import SmartCacheDataset
from monai.transforms import Compose, RandGaussianNoised, RandSpatialCropd

from medgantry.errors import InvalidInput
from medgantry.loading import BatchLoader, CaseReader, EpochOrder, NodeCache, open_reader
from medgantry.loading.caching import MODES, SmartCache
from medgantry.loading.rotation import Rotation
from tests.medgantry.loading.shards import make_shards

CASES = [f"case-{number}" for number in range(5)]
CPU = torch.device("cpu")


class CountingReader(CaseReader):
    """Also says which cases it read."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.reads = []

    def read(self, case_id):
        self.reads.append(case_id)
        return super().read(case_id)


@pytest.fixture
def reader(store, tmp_path):
    return CountingReader(
        make_shards(store, tmp_path, CASES, per_shard=2), NodeCache(tmp_path / "nodes", 1 << 30)
    )


def batches(reader, cases=CASES, epochs=2):
    order = EpochOrder(cases, seed=1, batch_size=2, ranks=1)
    transforms = Compose(
        [
            RandGaussianNoised("image", prob=1.0),
            RandSpatialCropd(["image", "label"], (3, 3, 3), random_size=False),
        ]
    )
    loader = BatchLoader(reader, order, transforms, seed=1, threads=2, device=CPU)
    found = []
    for epoch in range(1, epochs + 1):
        loader.epoch = epoch
        found.extend(loader)
    return found


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode not in ("none", "smart")])
def test_a_mode_changes_no_bit_and_reads_every_case_once(mode, reader, tmp_path):
    wanted = batches(open_reader("none", reader, device=CPU, folder=tmp_path / "kept"))
    assert Counter(reader.reads) == dict.fromkeys(CASES, 2)
    reader.reads.clear()
    found = batches(open_reader(mode, reader, device=CPU, folder=tmp_path / "kept"))
    assert sorted(reader.reads) == CASES
    for one, other in zip(wanted, found, strict=True):
        assert one["case_id"] == other["case_id"]
        assert all(torch.equal(one[name], other[name]) for name in ("image", "label"))


@pytest.mark.parametrize("mode", ["memory", "disk", "device"])
def test_what_a_transform_does_to_a_case_is_not_kept(mode, reader, tmp_path):
    cached = open_reader(mode, reader, device=CPU, folder=tmp_path / "kept")
    wanted = CaseReader.read(reader, CASES[0])
    for _ in range(3):
        for name, tensor in cached.read(CASES[0]).items():
            assert torch.equal(tensor, wanted[name])
            tensor.zero_()


def test_the_disk_serves_the_next_training_too(reader, tmp_path):
    open_reader("disk", reader, device=CPU, folder=tmp_path / "kept").read(CASES[0])
    reader.reads.clear()
    open_reader("disk", reader, device=CPU, folder=tmp_path / "kept").read(CASES[0])
    assert reader.reads == []
    assert not list((tmp_path / "kept").rglob("*.partial"))


def test_a_rotation_goes_on_as_in_monai():
    """Post on MONAI v0.3: `cache 4 of 5, replace rate 0.25`."""
    rotation = Rotation(list("12345"), cached=4, replace_rate=0.25)
    found = ["".join(rotation.cases(epoch)) for epoch in range(1, 8)]
    assert found == ["1234", "2345", "3451", "4512", "5123", "1234", "2345"]


@pytest.mark.parametrize(("cached", "rate"), [(4, 0.25), (2, 0.5), (3, 1.0), (4, 0.9), (5, 0.5), (1, 0.1)])
def test_a_rotation_is_that_of_monais_data_set(cached, rate):
    rotation = Rotation(list("12345"), cached=cached, replace_rate=rate)
    peer = SmartCacheDataset(
        [{"id": case_id} for case_id in "12345"],
        Compose([lambda item: item]),
        replace_rate=rate,
        cache_num=cached,
        shuffle=False,
        progress=False,
        num_replace_workers=1,
        num_init_workers=1,
    )
    peer.start()
    for epoch in range(1, 7):
        assert rotation.cases(epoch) == [peer[index]["id"] for index in range(len(peer))]
        peer.update_cache()
    peer.shutdown()


def test_smart_reads_a_case_when_it_comes_and_forgets_it_when_it_leaves(reader):
    rotation = Rotation(CASES, cached=4, replace_rate=0.25)
    found = batches(SmartCache(reader, rotation), rotation, epochs=3)
    trained = [
        sorted(case_id for batch in found[first : first + 2] for case_id in batch["case_id"])
        for first in (0, 2, 4)
    ]
    assert trained == [sorted(rotation.cases(epoch)) for epoch in (1, 2, 3)]
    assert [sorted(reader.reads[:4]), reader.reads[4:]] == [CASES[:4], [CASES[4], CASES[0]]]


@pytest.mark.parametrize(("cached", "rate"), [(0, 0.5), (6, 0.5), (4, 0.0), (4, 1.1)])
def test_an_impossible_rotation_is_refused(cached, rate):
    with pytest.raises(InvalidInput):
        Rotation(CASES, cached=cached, replace_rate=rate)


def test_a_mode_that_is_none_is_refused(reader, tmp_path):
    with pytest.raises(InvalidInput, match="none, memory, smart, disk, device"):
        open_reader("Memory", reader, device=CPU, folder=tmp_path)
    with pytest.raises(InvalidInput, match="how many"):
        open_reader("smart", reader, device=CPU, folder=tmp_path)
