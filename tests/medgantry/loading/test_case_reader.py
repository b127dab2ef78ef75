"""A case comes out of its shard as it went in."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from medgantry.bundles import open_bundle
from medgantry.errors import InvalidInput
from medgantry.loading import CaseReader, NodeCache
from medgantry.loading.shard_layout import read_layout
from medgantry.sharding.plan import plan_shards
from medgantry.sharding.preprocess import preprocess_part
from medgantry.sharding.shard_file import read_tensor
from medgantry.steps import StepRecord
from tests.medgantry.colours import CLASSES, make_cohort
from tests.medgantry.loading.shards import make_shards, values

CASES = [f"case-{number}" for number in range(7)]


def reader_of(shards, folder, budget=1 << 30):
    return CaseReader(shards, NodeCache(folder, budget))


def test_every_case_comes_back_with_the_error_of_its_storage_and_labels_exactly(store, tmp_path):
    reader = reader_of(make_shards(store, tmp_path, CASES, per_shard=3), tmp_path / "cache")
    for case_id in CASES:
        found, wanted = reader.read(case_id), values(case_id)
        assert {name: tensor.dtype for name, tensor in found.items()} == {
            "image": torch.float32,
            "label": torch.uint8,
        }
        assert torch.equal(found["image"], torch.from_numpy(wanted["image"]).half().float())
        assert torch.equal(found["label"], torch.from_numpy(wanted["label"]))


def test_scaled_storage_is_scaled_back(store, tmp_path):
    """A range that float16 does not hold is stored as scaled int16."""

    def wide(case_id):
        return {"image": values(case_id)["image"] * 1e6, "weight": values(case_id)["image"] * 2e6}

    shards = make_shards(store, tmp_path, CASES[:1], per_shard=1, tensors_of=wide)
    assert shards[0]["cases"][CASES[0]]["image"]["dtype"] == "int16"
    found, wanted = reader_of(shards, tmp_path / "cache").read(CASES[0]), wide(CASES[0])
    for name in wanted:
        np.testing.assert_allclose(found[name], wanted[name], rtol=0, atol=1e-4 * np.abs(wanted[name]).max())


def test_a_class_index_comes_back_as_a_whole_number(store, tmp_path):
    classes = {str(index): name for index, name in enumerate(CLASSES)}
    override = {"image_size": [8, 8], "network_data_format#outputs#pred#channel_def": classes}
    bundle = open_bundle("medgantry:skin_lesion_classification", json.dumps(override), tmp_path / "bundle")
    cohort = make_cohort(store, tmp_path, test=1, train=3)
    plan = plan_shards(cohort, bundle, shard_mib=1000)
    record = StepRecord(step="test")
    sidecars = preprocess_part(plan, cohort, bundle, part=0, store=store, record=record)
    reader = reader_of(sidecars, tmp_path / "cache")
    for case_id, index in bundle.class_indices(cohort).items():
        tensors = reader.read(case_id)
        label = tensors["label"]
        assert (label.dtype, label.shape, int(label)) == (torch.int64, (), index)
        assert (tensors["image"].dtype, tensors["image"].shape) == (torch.float32, (3, 8, 8))


def test_what_was_read_is_the_callers_own(store, tmp_path):
    reader = reader_of(make_shards(store, tmp_path, CASES, per_shard=3), tmp_path / "cache")
    first = reader.read(CASES[0])
    kept = {name: tensor.clone() for name, tensor in first.items()}
    part = reader.read(CASES[1])["image"][1, 2:]
    wanted = part.clone()
    for case_id in CASES * 3:
        for tensor in reader.read(case_id).values():
            tensor.zero_()
    assert all(torch.equal(first[name], kept[name]) for name in kept)
    assert torch.equal(part, wanted)


def test_threads_read_side_by_side_from_a_cache_smaller_than_the_data(store, tmp_path):
    shards = make_shards(store, tmp_path, CASES, per_shard=2)
    reader = reader_of(shards, tmp_path / "cache", budget=2 * shards[0]["bytes"])
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda case_id: (case_id, reader.read(case_id)), CASES * 4))
    for case_id, tensors in found:
        assert torch.equal(tensors["label"], torch.from_numpy(values(case_id)["label"])), case_id


def test_an_unknown_case_is_named(store, tmp_path):
    reader = reader_of(make_shards(store, tmp_path, CASES, per_shard=7), tmp_path / "cache")
    with pytest.raises(InvalidInput, match="stranger"):
        reader.read("stranger")


def test_the_content_hash_is_of_what_the_shards_hold(store, tmp_path):
    shards = make_shards(store, tmp_path, CASES, per_shard=3)
    hashes = [reader_of(some, tmp_path / "cache").content_hash for some in (shards, shards[::-1], shards[1:])]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_tensor_can_be_mapped_and_cut(store, tmp_path):
    make_shards(store, tmp_path, CASES, per_shard=7)
    path = tmp_path / "0.safetensors"
    with path.open("rb") as stream:
        layout = read_layout(stream.fileno())
    for name, place in layout.items():
        assert np.array_equal(place.map(path)[1, 2:5, 1], read_tensor(path, name)[1, 2:5, 1])
