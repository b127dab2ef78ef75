"""What the bundle makes of a case, on phantoms and on a real crop of Task09's spleen_2."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.transforms import (
    Compose,
    CropForegroundd,
    LoadImaged,
    Orientationd,
    ScaleIntensityRanged,
    Spacingd,
)

from medgantry.bundles import Bundle, open_bundle
from medgantry.bundles.case_files import bring_case
from medgantry.bundles.parser import make_parser, part
from medgantry.bundles.recipe import Recipe
from medgantry.ingest.nifti import IngestConfig, ingest, read_layout
from medgantry.phantoms.spleen import write_task
from medgantry.storage import ObjectStore
from medgantry.storage.files import Source
from pipelines.spleen_segmentation.pipeline import REGIONS

REAL = Path(os.environ.get("MEDGANTRY_REAL_DATA", "")) / "F_spleen_lung/msd_spleen_2_cropped"
PATCH = (32, 32, 32)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    override = {"patch_size": PATCH, "spacing": [3.0, 3.0, 3.0]}
    return open_bundle("medgantry:spleen_segmentation", json.dumps(override), tmp_path / "bundle")


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("task")
    write_task(folder, cases=2)
    return folder


def _case(task: Path, number: int = 2) -> dict[str, Path]:
    name = f"spleen_{number}.nii.gz"
    return {"image": task / "imagesTr" / name, "label": task / "labelsTr" / name}


def test_it_is_told_by_names(bundle: Bundle) -> None:
    assert bundle.task == "segmentation"
    assert bundle.input_channels == ["CT"]
    assert bundle.outputs == ["spleen"] == list(bundle.metadata["segments"])


def test_what_is_stored_is_what_monai_makes(bundle: Bundle, task: Path) -> None:
    keys = ["image", "label"]
    monai = Compose(
        [
            LoadImaged(keys, ensure_channel_first=True),
            Orientationd(keys, axcodes="RAS", labels=None),
            Spacingd(keys, pixdim=[3.0, 3.0, 3.0], mode=["bilinear", "nearest"]),
            ScaleIntensityRanged("image", a_min=-57, a_max=164, b_min=0.0, b_max=1.0, clip=True),
            CropForegroundd(keys, source_key="image", allow_smaller=True),
        ]
    )
    made, wanted = Recipe(bundle, {"spleen": [1]}).deterministic(_case(task)), monai(_case(task))
    assert set(made) == {"image", "label"}  # and no corner of the crop, which would be stored as a tensor
    assert torch.allclose(torch.as_tensor(made["image"]), torch.as_tensor(wanted["image"]), atol=1e-5)
    assert torch.equal(torch.as_tensor(made["label"]).float(), torch.as_tensor(wanted["label"]).float())
    assert (float(made["image"].min()), float(made["image"].max())) == (0.0, 1.0)


def test_inference_sees_what_training_saw(bundle: Bundle, task: Path) -> None:
    case = _case(task)
    trained = Recipe(bundle, {"spleen": [1]}).deterministic(case)["image"]
    preprocessing = part(make_parser(bundle, bundle.inference_config), "preprocessing")
    seen = preprocessing({"image": case["image"]})["image"]
    assert torch.equal(torch.as_tensor(trained), torch.as_tensor(seen))
    np.testing.assert_array_equal(trained.affine, seen.affine)


def test_patches_are_of_one_size_and_the_spleen_is_in_half_of_them(bundle: Bundle, task: Path) -> None:
    recipe = Recipe(bundle, {"spleen": [1]})
    stored = recipe.deterministic(_case(task, 3))
    stored["image"], stored["label"] = (
        stored["image"][..., :20],
        stored["label"][..., :20],
    )  # less than a patch
    random = recipe.random
    random.set_random_state(0)
    crops = [crop for _ in range(25) for crop in random(dict(stored))]
    assert {tuple(crop["image"].shape) for crop in crops} == {(1, *PATCH)}
    assert {tuple(crop["label"].shape) for crop in crops} == {(1, *PATCH)}
    centred = [float(crop["label"].sum()) > 0 for crop in crops]
    assert np.mean(centred) >= 0.4


@pytest.mark.skipif(not REAL.is_dir(), reason="MEDGANTRY_REAL_DATA names no folder with the real crop")
def test_a_real_crop_is_ingested_and_prepared(tmp_path: Path, store: ObjectStore) -> None:
    names = {
        "imagesTr/spleen_2.nii.gz": REAL / "sub-spleen2/ct/sub-spleen2_ct.nii.gz",
        "labelsTr/spleen_2.nii.gz": REAL
        / "derivatives/labels/sub-spleen2/ct/sub-spleen2_ct_seg-manual.nii.gz",
    }
    folder = tmp_path / "Task09_Spleen"
    for name, path in names.items():
        (folder / name).parent.mkdir(parents=True)
        shutil.copy(path, folder / name)
    image, label = names
    description = {
        "modality": {"0": "CT"},
        "labels": {"0": "background", "1": "spleen"},
        "training": [{"image": f"./{image}", "label": f"./{label}"}],
    }
    (folder / "dataset.json").write_text(json.dumps(description))
    source = Source(str(folder), tmp_path / "scratch")
    config = IngestConfig(regions=json.loads(REGIONS), labels={})
    cohort = ingest(source, read_layout(source, config), config, store)
    bundle = open_bundle("medgantry:spleen_segmentation", "", tmp_path / "bundle")
    bundle.check_cohort(cohort)
    (tmp_path / "case").mkdir()
    item = bring_case(cohort.files_of["spleen_2"], bundle, tmp_path / "case")
    made = Recipe(bundle, bundle.label_codes(cohort)).deterministic(item)
    assert made["image"].shape == made["label"].shape == (1, 87, 88, 64)
    millilitres = float(made["label"].sum()) * 1.5 * 1.5 * 2.0 / 1000
    assert millilitres == pytest.approx(305.4, rel=0.01)  # in the source's voxels
    hounsfield = float(made["image"][made["label"] > 0].mean()) * 221 - 57
    assert 60 <= hounsfield <= 120
