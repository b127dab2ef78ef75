"""A classification's training, from photos to a calibrated bundle."""

import json
import math
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from medgantry.bundles import Bundle, open_bundle
from medgantry.bundles.bundle import PRETRAINED
from medgantry.cohort.split import SplitConfig, split_cohort
from medgantry.errors import InvalidBundle
from medgantry.inference import Classifier
from medgantry.ingest.photos.cohort import ingest, plan_photos
from medgantry.ingest.photos.config import PhotoConfig
from medgantry.loading.case_reader import CaseReader
from medgantry.loading.node_cache import NodeCache
from medgantry.phantoms.skin_lesions import CLASSES, write_photos
from medgantry.sharding.plan import plan_shards
from medgantry.sharding.preprocess import preprocess_part
from medgantry.sharding.shard_set import merge_shards
from medgantry.steps import StepRecord
from medgantry.storage import ObjectStore, fetch_folder
from medgantry.storage.files import Source
from medgantry.training.calibrate import calibrate
from medgantry.training.job import make_job
from medgantry.training.rank import Rank
from medgantry.training.step import train_step
from medgantry.training.supervised import SupervisedTraining
from medgantry.training.validation import validate

OURS = "medgantry:skin_lesion_classification"
NETWORK = {
    "_target_": "DenseNet",
    "spatial_dims": 2,
    "in_channels": 3,
    "out_channels": 7,
    "init_features": 8,
    "growth_rate": 4,
    "block_config": [1, 1],
}
SMALL = {"image_size": [16, 16], "batch_size": 4, "network_def": NETWORK, "learning_rate": 0.01}
PLACE = {"task": None, "queue": "", "queued_hours": 1.0, "running_hours": 1.0}


def opened(folder, *, pretrained="", **changes):
    return open_bundle(OURS, json.dumps({**SMALL, **changes}), folder, pretrained=pretrained)


@pytest.fixture(scope="module")
def lesions(stack, tmp_path_factory):
    """24 photos: six for validation without akiec, df and vasc, two for test; their shards, and the store."""
    folder = tmp_path_factory.mktemp("lesions")
    write_photos(folder / "photos", images=24, size=(16, 20))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment.items():
            patch.setenv(name, value)
        patch.setenv("MEDGANTRY_STORE", "s3://medgantry/lesions")
        patch.setenv("MEDGANTRY_RUN_ID", "lesions")
        patch.setenv("MEDGANTRY_CACHE", str(folder / "cache"))
        store = ObjectStore.from_environment()
        source = Source(str(folder / "photos"), folder / "scratch")
        config = PhotoConfig(classes=CLASSES)
        cohort = ingest(source, plan_photos(source, config), config, store)
        groups = sorted({case.group_id for case in cohort.cases})
        sides = {**dict.fromkeys(groups, "train"), **dict.fromkeys(groups[7:11], "validation")}
        cohort = split_cohort(cohort, SplitConfig(assignment={**sides, groups[11]: "test"}))
        bundle = opened(folder / "plain")
        plan = plan_shards(cohort, bundle, shard_mib=1000)
        record = StepRecord(step="test")
        sidecars = preprocess_part(plan, cohort, bundle, part=0, store=store, record=record)
        shards = merge_shards(cohort, bundle, plan, sidecars, max_rejected=0.0)
        assert (len(cohort.side("train")), len(cohort.side("validation"))) == (16, 6)
        yield SimpleNamespace(cohort=cohort, shards=shards, store=store)


def work(lesions, folder, bundle):
    """One rank, in this process, after its training, and the bundle that it published."""
    job = make_job(lesions.cohort, lesions.shards, bundle, seed=0, ranks=1)
    rank = Rank(job, bundle, folder / "cache", lesions.store)
    training = SupervisedTraining(rank)
    training.run()
    fetch_folder(lesions.store, f"{job.prefix}/bundle", folder / "trained")
    return rank, training, Bundle(folder / "trained")


def test_a_training_ends_in_a_calibrated_bundle_of_its_best_epoch(lesions, tmp_path):
    bundle = opened(tmp_path / "bundle", epochs=2)
    lesions.cohort.save(tmp_path / "cohort")
    lesions.shards.save(tmp_path / "shards")
    folders = [tmp_path / name for name in ("cohort", "shards", "bundle", "trained")]
    numbers = train_step(*folders, seed=0, ranks=1, options="", launcher="auto", place=PLACE)

    trained = Bundle(tmp_path / "trained")
    history = json.loads((tmp_path / "trained/history.json").read_text())
    areas = [point["val_auc_macro"] for point in history["points"]]
    assert len(areas) == 3
    assert history["best_epoch"] == areas.index(max(areas)) == trained.provenance["best_epoch"]
    assert len(set(areas)) > 1
    assert history["best_metric"] == max(areas)
    assert numbers == history["points"][history["best_epoch"]]
    assert not {f"val_auc_{name}" for name in ("akiec", "df", "vasc")} & set(numbers)
    assert all(math.isfinite(value) for point in history["points"] for value in point.values())

    calibration = trained.provenance["calibration"]
    assert calibration == calibrate(opened(tmp_path / "again"), history["validation"])
    assert trained.inference_config["temperature"] == calibration["temperature"] != 1.0
    assert calibration["cases"] == 6
    assert set(calibration["thresholds"]) == {"nv", "mel", "bkl", "bcc"}
    assert trained.train_config == bundle.train_config

    # The weights are those of the best epoch: its logits come again.
    job = make_job(lesions.cohort, lesions.shards, bundle, seed=0, ranks=1)
    classifier, reader = Classifier(trained), CaseReader(job.shards, NodeCache(tmp_path / "cache", 2**30))
    found = validate(_Logits(classifier), torch.nn.Identity(), reader, job.validation, rank=0, ranks=1)
    for row, again in zip(history["validation"], found, strict=True):
        assert row["case_id"] == again["case_id"]
        assert row["logits"] == pytest.approx(again["logits"], abs=1e-4)


class _Logits:
    """What a loaded bundle makes of tensors from shards."""

    def __init__(self, classifier):
        self._classifier = classifier

    def measure(self, network, tensors):
        return [{"logits": self._classifier.predict_prepared(tensors["image"]).logits}]


def test_every_way_with_rare_classes_trains(lesions, tmp_path):
    counts = Counter(case.targets["diagnosis"] for case in lesions.cohort.cases if case.split == "train")
    assert len(set(counts.values())) > 1
    losses = {}
    for changes in (
        {"imbalance": "none"},
        {"imbalance": "weights"},
        {"imbalance": "focal"},
        {"imbalance": "none", "sampling": "balanced"},
    ):
        name = "-".join(changes.values())
        folder = tmp_path / name
        rank, training, trained = work(lesions, folder, opened(folder / "bundle", epochs=1, **changes))
        loss = training.trainer.loss_function
        assert type(loss).__name__ == ("FocalLoss" if name == "focal" else "CrossEntropyLoss")
        wanted = [math.sqrt(16 / (7 * counts[one])) for one in trained.outputs] if name == "weights" else None
        found = getattr(loss, "weight", None)
        assert wanted == (found if found is None else pytest.approx(found.tolist()))
        assert [point["epoch"] for point in rank.outcome.history.points] == [0, 1]
        assert math.isfinite(rank.outcome.history.points[1]["train_loss"])
        order = rank.feed.order
        drawn = Counter(case_id for step in range(order.steps) for case_id in order.batch(1, step))
        assert (set(drawn.values()) == {1}) == (changes.get("sampling") != "balanced")
        assert set(drawn) <= set(lesions.cohort.side("train"))
        Classifier(trained)
        losses[name] = rank.outcome.history.points[1]["train_loss"]
    assert len(set(losses.values())) == len(losses)  # each way leads elsewhere


def test_training_begins_in_pretrained_weights_and_leaves_their_file_behind(lesions, tmp_path):
    bundle = opened(tmp_path / "plain")
    job = make_job(lesions.cohort, lesions.shards, bundle, seed=0, ranks=1)
    plain = SupervisedTraining(Rank(job, bundle, tmp_path / "cache", lesions.store))
    given = {name: torch.full_like(value, 0.25) for name, value in plain.network.state_dict().items()}
    path = tmp_path / "weights.pt"
    torch.save(given, path)
    bundle = opened(tmp_path / "bundle", epochs=0, pretrained=str(path))
    _, training, trained = work(lesions, tmp_path, bundle)
    assert all(
        torch.equal(value, given[name])
        for name, value in training.network.state_dict().items()
        if value.is_floating_point()
    )
    assert trained.weights
    assert not (trained.folder / PRETRAINED).exists()


def test_without_validation_cases_the_last_epoch_is_taken_and_nothing_is_calibrated(lesions, tmp_path):
    bundle = opened(tmp_path / "bundle", epochs=1)
    job = replace(
        make_job(lesions.cohort, lesions.shards, bundle, seed=0, ranks=1), validation=[], key="0" * 64
    )
    rank = Rank(job, bundle, tmp_path / "cache", lesions.store)
    SupervisedTraining(rank).run()
    assert rank.outcome.history.best_epoch == 1
    fetch_folder(lesions.store, f"{job.prefix}/bundle", tmp_path / "trained")
    trained = Bundle(tmp_path / "trained")
    assert "calibration" not in trained.provenance
    assert trained.inference_config["temperature"] == 1.0


@pytest.mark.parametrize("sampling", ["often", True])
def test_an_unknown_sampling_is_refused(lesions, tmp_path, sampling):
    bundle = opened(tmp_path / "bundle", sampling=sampling)
    job = make_job(lesions.cohort, lesions.shards, bundle, seed=0, ranks=1)
    with pytest.raises(InvalidBundle, match="natural or balanced"):
        Rank(job, bundle, tmp_path / "cache", lesions.store)


def test_balanced_sampling_needs_classes(lesions, tmp_path):
    """Our segmentation bundle has no such id; somebody's bundle may."""
    ours = "medgantry:brain_tumor_segmentation"
    with pytest.raises(InvalidBundle, match="sampling"):
        open_bundle(ours, '{"sampling": "balanced"}', tmp_path / "bundle")
    bundle = open_bundle(ours, "", tmp_path / "bundle")
    path = bundle.folder / "configs/train.yaml"
    path.write_text(f"sampling: balanced\n{path.read_text()}")
    job = make_job(lesions.cohort, lesions.shards, opened(tmp_path / "lesions"), seed=0, ranks=1)
    regions = {name: [1] for name in bundle.outputs}
    with pytest.raises(InvalidBundle, match="needs classes"):
        Rank(replace(job, classes={}, regions=regions), Bundle(bundle.folder), tmp_path, lesions.store)
