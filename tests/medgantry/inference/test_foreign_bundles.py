"""Bundles in the Model Zoo's layout answer as MONAI's own runner makes them answer."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from medgantry.bundles import Bundle
from medgantry.bundles.bundle import PROVENANCE
from medgantry.cohort import Cohort
from medgantry.errors import InvalidBundle
from medgantry.inference import Classifier, Segmenter
from medgantry.ingest.photos.png_file import encode_png
from tests.medgantry.colours import make_bundle, plain_photo
from tests.medgantry.inference.zoo import brats_like, monai_answer, spleen_like, write_volume


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "SAR"])
def test_classes_that_invertd_puts_back(tmp_path: Path, orientation: str) -> None:
    bundle = spleen_like(tmp_path / "bundle")
    volume = write_volume(tmp_path / "ct.nii.gz", 0, orientation=orientation)
    found = Segmenter(bundle).predict_case({"image": volume})
    wanted = np.squeeze(monai_answer(bundle, volume, tmp_path / "monai"))
    assert 0.2 < (wanted > 0).mean() < 0.8
    np.testing.assert_array_equal(found.labels, wanted)
    found.save(tmp_path / "ours.nii.gz")
    np.testing.assert_array_equal(nibabel.load(tmp_path / "ours.nii.gz").affine, nibabel.load(volume).affine)


def test_regions_that_an_expression_makes_label_codes_of(tmp_path: Path) -> None:
    bundle = brats_like(tmp_path / "bundle")
    volumes = [write_volume(tmp_path / f"{seed}.nii.gz", seed) for seed in (1, 2)]
    found = Segmenter(bundle).predict_case({"image": volumes})
    wanted = np.squeeze(monai_answer(bundle, volumes, tmp_path / "monai"))
    assert set(np.unique(wanted)) == {0, 1, 2, 4}
    np.testing.assert_array_equal(found.labels, wanted)


def test_a_bundle_with_the_id_network_alone(tmp_path: Path) -> None:
    bundle = spleen_like(tmp_path / "bundle")
    volume = write_volume(tmp_path / "ct.nii.gz", 0)
    wanted = Segmenter(bundle).predict_case({"image": volume}).labels
    change(bundle, lambda config: config.update(network=config.pop("network_def")))
    found = Segmenter(Bundle(bundle.folder)).predict_case({"image": volume}).labels
    np.testing.assert_array_equal(found, wanted)


def test_nothing_that_reads_or_writes_data_is_made(tmp_path: Path) -> None:
    bundle = spleen_like(tmp_path / "bundle")
    wrong = {"_target_": "no.such.thing"}
    change(bundle, lambda config: config.update(dict.fromkeys(("dataset", "dataloader", "handlers"), wrong)))
    Segmenter(Bundle(bundle.folder)).predict_case({"image": write_volume(tmp_path / "ct.nii.gz", 0)})
    assert not (tmp_path / "bundle/eval").exists()


def test_label_codes_of_another_cohort_are_refused(tmp_path: Path) -> None:
    bundle = brats_like(tmp_path / "bundle")
    decathlon = {"TC": [2, 3], "WT": [1, 2, 3], "ET": [3]}
    (bundle.folder / PROVENANCE).write_text(json.dumps({"regions": decathlon, "label_map": {}}))
    volumes = [write_volume(tmp_path / f"{seed}.nii.gz", seed) for seed in (1, 2)]
    with pytest.raises(InvalidBundle, match=r"label codes \[4\]"):
        Segmenter(bundle).predict_case({"image": volumes})


def test_an_answer_on_another_grid_is_refused(tmp_path: Path) -> None:
    bundle = spleen_like(tmp_path / "bundle")
    crop = {"_target_": "CenterSpatialCropd", "keys": "pred", "roi_size": [8, 8, 8]}
    change(bundle, lambda config: config["postprocessing"]["transforms"].insert(-1, crop))
    with pytest.raises(InvalidBundle, match="on the source's grid"):
        Segmenter(Bundle(bundle.folder)).predict_case({"image": write_volume(tmp_path / "ct.nii.gz", 0)})


def change(bundle: Bundle, edit) -> None:
    path = bundle.folder / "configs/inference.json"
    config = json.loads(path.read_text())
    edit(config)
    path.write_text(json.dumps(config))


def test_a_classification_that_ends_in_a_class_still_gives_probabilities(tmp_path: Path) -> None:
    nobody = Cohort(cases=[], files=[], entries=[], channels=["RGB"], label_map={}, regions={})
    bundle = make_bundle(tmp_path / "bundle", nobody, noise=0.3)
    (tmp_path / "photo.png").write_bytes(encode_png(plain_photo(np.array([200, 40, 128], dtype=np.uint8))))
    photo = {"image": tmp_path / "photo.png"}
    wanted = Classifier(bundle).predict_case(photo)
    more = [
        {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
        {"_target_": "SaveClassificationd", "keys": "pred", "output_dir": str(tmp_path / "saved")},
    ]
    change(bundle, lambda config: config["postprocessing"]["transforms"].extend(more))
    assert Classifier(Bundle(bundle.folder)).predict_case(photo) == wanted
    assert not (tmp_path / "saved").exists()


def without_provenance(bundle: Bundle) -> Bundle:
    (bundle.folder / PROVENANCE).unlink()
    return Bundle(bundle.folder)


def test_classes_of_a_bundle_without_provenance_have_their_index(tmp_path: Path) -> None:
    bundle = without_provenance(spleen_like(tmp_path / "bundle"))
    volume = write_volume(tmp_path / "ct.nii.gz", 0)
    with pytest.raises(InvalidBundle, match="does not say which labels"):
        Segmenter(bundle)
    found = Segmenter(bundle, implied=True).predict_case({"image": volume})
    wanted = np.squeeze(monai_answer(bundle, volume, tmp_path / "monai"))
    np.testing.assert_array_equal(found.labels, wanted)
    assert found.regions == {"spleen": [1]}


def test_codes_that_nobody_explained_stay_as_the_bundle_writes_them(tmp_path: Path) -> None:
    bundle = without_provenance(brats_like(tmp_path / "bundle"))
    volumes = [write_volume(tmp_path / f"{seed}.nii.gz", seed) for seed in (1, 2)]
    found = Segmenter(bundle, implied=True).predict_case({"image": volumes})
    wanted = np.squeeze(monai_answer(bundle, volumes, tmp_path / "monai"))
    np.testing.assert_array_equal(found.labels, wanted)
    assert found.regions == {f"label {code}": [code] for code in (1, 2, 4)}


def test_regions_that_overlap_are_all_kept(tmp_path: Path) -> None:
    bundle = without_provenance(brats_like(tmp_path / "bundle"))
    change(
        bundle,
        lambda config: config["postprocessing"].update(
            transforms=[t for t in config["postprocessing"]["transforms"] if t["_target_"] != "Lambdad"]
        ),
    )
    bundle = Bundle(bundle.folder)
    volumes = [write_volume(tmp_path / f"{seed}.nii.gz", seed) for seed in (1, 2)]
    found = Segmenter(bundle, implied=True).predict_case({"image": volumes})
    wanted = monai_answer(bundle, volumes, tmp_path / "monai")
    masks = np.stack([np.isin(found.labels, found.regions[name]) for name in ("TC", "WT", "ET")], axis=-1)
    np.testing.assert_array_equal(masks, wanted.reshape(masks.shape) > 0)
    assert (masks.sum(axis=-1) > 1).any()
