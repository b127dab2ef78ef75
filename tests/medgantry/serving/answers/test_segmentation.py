"""What the endpoint answers is what evaluation and batch inference make of the same case, also as DICOM."""

import base64
import io
import json
import zipfile

import nibabel
import numpy as np
import pytest

from medgantry.bundles import Bundle
from medgantry.bundles.bundle import PROVENANCE
from medgantry.dicom.frame import read_frames
from medgantry.dicom.header import read_header
from medgantry.dicom.series import group_series
from medgantry.dicom.volume import read_volume
from medgantry.errors import InvalidInput
from medgantry.inference import Segmenter
from medgantry.phantoms.dicom.archive import write_archive
from medgantry.predictions.predictor import open_predictor
from medgantry.serving.answers.segmentation import SegmentationAnswers
from medgantry.serving.exchange import Asked, Given, wanted_outputs
from medgantry.serving.incoming.content import Receiver
from medgantry.serving.incoming.references import References
from medgantry.serving.limits import Limits
from tests.dcmqi import mask_by_dcmqi
from tests.medgantry.brightness import make_bundle, make_cohort
from tests.medgantry.inference.zoo import brats_like, monai_answer, spleen_like, write_volume
from tests.medgantry.serving.served import outputs, served

SPLEEN = {
    "spleen": {
        "label": "Spleen",
        "category": ["123037004", "SCT", "Anatomical Structure"],
        "type": ["78961009", "SCT", "Spleen"],
    }
}


def answer(bundle, inputs, scratch, *outputs):
    sources = ["s3://medgantry"]
    answers = SegmentationAnswers(bundle, Receiver(Limits(), References(sources=sources, targets=[])))
    asked = Asked(inputs=inputs, outputs=outputs)
    scratch.mkdir()
    return answers.answer(asked, wanted_outputs(asked, answers), scratch).outputs


def test_the_answer_is_that_of_batch_inference_voxel_for_voxel(store, tmp_path):
    cohort = make_cohort(store, tmp_path, test=3)
    bundle = make_bundle(tmp_path / "b", cohort)
    predictor = open_predictor(bundle)
    for case_id in cohort.side("test"):
        images = [file for file in cohort.files_of[case_id] if file.role == "image"]
        (tmp_path / f"batch-{case_id}").mkdir()
        wanted = nibabel.load(predictor.predict(images, tmp_path / f"batch-{case_id}").files["prediction"])
        inputs = [Given(name=file.channel, values=[file.uri]) for file in images]
        found = answer(bundle, inputs, tmp_path / f"request-{case_id}", "label_map", "label_map_nifti")
        np.testing.assert_array_equal(found["label_map"], np.asanyarray(wanted.dataobj))
        written = nibabel.load(found["label_map_nifti"].paths[0])
        np.testing.assert_array_equal(np.asanyarray(written.dataobj), np.asanyarray(wanted.dataobj))
        np.testing.assert_array_equal(written.affine, wanted.affine)


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """A CT series as a .zip, its headers, and a bundle that segments something on it."""
    folder = tmp_path_factory.mktemp("archive")
    (patient,) = write_archive(folder / "archive", patients=1, broken=0, seed=3, identified=False)
    headers = [read_header(path) for path in patient.files]
    found = group_series([header for header in headers if header.text("Modality") == "CT"])
    largest = max(found, key=lambda one: len(one.headers))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number, header in enumerate(largest.headers):
            archive.writestr(f"{number}.dcm", header.path.read_bytes())
    bundle = spleen_like(folder / "bundle")
    metadata = bundle.metadata | {"segments": SPLEEN, "version": "1"}
    (bundle.folder / "configs/metadata.json").write_text(json.dumps(metadata))
    return stream.getvalue(), largest.headers, Bundle(bundle.folder)


def test_a_dicom_series_gives_a_segmentation_that_another_reader_lays_on_it(series, tmp_path):
    data, headers, bundle = series
    (channel,) = bundle.input_channels
    given = [Given(name=channel, values=[data])]
    found = answer(bundle, given, tmp_path / "request", "label_map", "volume_ml", "dicom_seg")
    labels = found["label_map"]
    assert 0 < (labels == 1).sum() < labels.size
    volume = read_volume([frame for header in headers for frame in read_frames(header)], modality="CT")
    read = mask_by_dcmqi(found["dicom_seg"].paths[0], 1, volume, tmp_path / "dcmqi")
    np.testing.assert_array_equal(read.transpose(2, 1, 0), labels == 1)
    spacing = nibabel.load(next((tmp_path / "request").glob("*.nii"))).header.get_zooms()
    assert found["volume_ml"][0] == pytest.approx(
        (labels == 1).sum() * float(np.prod(spacing)) / 1000, rel=1e-5
    )


def test_a_segmentation_in_dicom_needs_a_series(store, tmp_path):
    cohort = make_cohort(store, tmp_path, test=1)
    images = [file for file in cohort.files_of["case-004"] if file.role == "image"]
    inputs = [Given(name=file.channel, values=[file.uri]) for file in images]
    with pytest.raises(InvalidInput, match="slices of a series"):
        answer(make_bundle(tmp_path / "b"), inputs, tmp_path / "request", "dicom_seg")


def test_inputs_and_outputs_go_by_their_names(store, tmp_path):
    bundle = make_bundle(tmp_path / "b")
    with pytest.raises(InvalidInput, match=r"\['A', 'B', 'C'\] were wanted, found \['A'\]"):
        answer(bundle, [Given(name="A", values=["x"])], tmp_path / "one")
    with pytest.raises(InvalidInput, match="asked for were \\['mesh'\\]"):
        answer(bundle, [], tmp_path / "two", "mesh")
    assert Segmenter(bundle).several is False


@pytest.mark.parametrize("make", [spleen_like, brats_like])
def test_a_bundle_of_the_zoo_is_served_from_its_folder_unchanged(make, store, tmp_path):
    bundle = make(tmp_path / "bundle")
    (bundle.folder / PROVENANCE).unlink()
    volumes = [write_volume(tmp_path / f"{seed}.nii.gz", seed) for seed in range(len(bundle.input_channels))]
    wanted = np.squeeze(monai_answer(bundle, volumes if len(volumes) > 1 else volumes[0], tmp_path / "monai"))
    inputs = [
        {
            "name": name,
            "shape": [1],
            "datatype": "BYTES",
            "data": [base64.b64encode(path.read_bytes()).decode()],
        }
        for name, path in zip(bundle.input_channels, volumes, strict=True)
    ]
    with served(bundle.folder, store) as server:
        found = outputs(server.ask({"inputs": inputs}))
    np.testing.assert_array_equal(np.reshape(found["label_map"], wanted.shape), wanted)
    assert len(found["regions"]) == len(found["volume_ml"]) == len(np.unique(wanted)) - 1
