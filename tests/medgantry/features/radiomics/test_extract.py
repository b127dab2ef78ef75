"""One region: equal to pyradiomics on the whole image, right on planted shapes, refused where it means nothing."""

import json
import math

import numpy as np
import pytest
import SimpleITK as sitk
from radiomics.featureextractor import RadiomicsFeatureExtractor

from medgantry.features.radiomics import region, shape
from medgantry.features.radiomics.extract import RegionExtractor
from medgantry.features.radiomics.settings import Settings
from medgantry.ledger import Unusable
from tests.medgantry.features.radiomics.subjects import SHAPE, SPACING, ellipsoid, noise, pair, volume

FEW = {"firstorder": [], "glcm": ["Contrast", "MCC"], "glszm": ["ZoneEntropy"], "ngtdm": []}


def measure(image, labels, settings="", codes=(1,), min_voxels=1):
    return RegionExtractor(Settings.parse(settings), min_voxels=min_voxels)(image, labels, codes)


@pytest.fixture
def roomy():
    """A region with so much around it that every axis is cut, whatever looks around."""
    shape = (90, 100, 96)
    inside = ellipsoid(shape, centre=(46, 49, 48), radii=(5, 8, 7))
    return noise(shape), inside.astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"normalize": True, "normalizeScale": 100, "binWidth": 5},
        {"resampledPixelSpacing": [1, 1, 1]},
        {"resampledPixelSpacing": [2, 2, 2], "interpolator": "sitkLinear", "padDistance": 8},
        {"resampledPixelSpacing": list(SPACING)},
        {"resampledPixelSpacing": [0, 0, 3], "interpolator": "sitkLanczosWindowedSinc"},
        {"resegmentRange": [-50, 400], "binCount": 16},
        {"resegmentRange": [-3, 3], "resegmentMode": "sigma", "force2D": True},
    ],
    ids=lambda setting: "-".join(setting) or "defaults",
)
def test_settings_give_the_very_bits_of_pyradiomics_on_the_whole_image(roomy, setting, dtype):
    _check_equal(roomy, dtype, {"setting": setting})


@pytest.mark.parametrize(
    "types",
    [
        {"Gradient": {}, "Original": {}},
        {"LoG": {"sigma": [0.5, 1.0], "binWidth": 5}},
        {"Wavelet": {"binWidth": 10}},
        {"Wavelet": {"level": 2, "start_level": 1, "wavelet": "db3", "force2D": True}},
        {"Square": {}, "SquareRoot": {}, "Logarithm": {}, "Exponential": {}},
    ],
    ids="-".join,
)
def test_filters_give_the_very_bits_of_pyradiomics_on_the_whole_image(roomy, types):
    _check_equal(roomy, np.int16, {"imageType": types, "featureClass": FEW})


@pytest.mark.parametrize(
    "setting", [{"resampledPixelSpacing": [1.5, 1.5, 1.5]}, {"preCrop": True}], ids="-".join
)
def test_filters_of_what_was_cut_or_resampled(roomy, setting):
    types = {"Wavelet": {}, "LoG": {"sigma": [2.0]}}
    _check_equal(roomy, np.int16, {"imageType": types, "setting": setting, "featureClass": FEW})


@pytest.mark.parametrize(
    "types", [{"Wavelet": {}}, {"LoG": {"sigma": [1.0]}}, {"Gradient": {}}], ids="-".join
)
def test_a_region_at_the_images_edge(types):
    inside = ellipsoid((31, 40, 37), centre=(3, 20, 35), radii=(6, 5, 8)).astype(np.uint8)
    _check_equal((noise((31, 40, 37)), inside), np.int16, {"imageType": types, "featureClass": FEW})


def _check_equal(arrays, dtype, document):
    image, labels = volume(arrays[0].astype(dtype)), volume(arrays[1])
    settings = Settings.parse(json.dumps(document))
    wanted = RadiomicsFeatureExtractor(dict(settings.document), additionalInfo=False).execute(image, labels)
    found = measure(image, labels, json.dumps(document)).features
    assert set(found) == set(wanted)
    assert {name: value for name, value in found.items() if value != float(wanted[name])} == {}


def test_the_image_is_really_cut(roomy, monkeypatch):
    seen = []

    class Watching(shape.Extractor):
        def execute(self, image, mask):
            seen.append(image.GetSize())
            return super().execute(image, mask)

    monkeypatch.setattr("medgantry.features.radiomics.extract.Extractor", Watching)
    measure(volume(roomy[0]), volume(roomy[1]))
    assert seen == [(15, 17, 11)]  # the ellipsoid's box


def test_planted_ellipsoid():
    radii_mm = np.array([14.0, 18.0, 11.0])
    spacing = (0.7, 0.9, 0.5)
    axes = np.ogrid[-60:61, -60:61, -60:61]
    inside = sum((a * s / r) ** 2 for a, s, r in zip(axes, reversed(spacing), radii_mm, strict=True)) <= 1
    array = np.where(inside, 40, -1000) + np.indices(inside.shape).sum(axis=0) % 2 * 20  # 40 and 60, in turn
    features = measure(
        volume(array.astype(np.int16), spacing), volume(inside.astype(np.uint8), spacing)
    ).features
    truth = 4 / 3 * math.pi * radii_mm.prod()
    assert features["original_shape_MeshVolume"] == pytest.approx(truth, rel=0.005)
    assert features["original_shape_VoxelVolume"] == pytest.approx(truth, rel=0.005)
    assert features["original_shape_Maximum3DDiameter"] == pytest.approx(36, abs=0.9)
    assert features["original_shape_MajorAxisLength"] == pytest.approx(4 * 18 / math.sqrt(5), rel=0.005)
    assert features["original_shape_LeastAxisLength"] == pytest.approx(4 * 11 / math.sqrt(5), rel=0.005)
    assert features["original_firstorder_Mean"] == pytest.approx(50, abs=0.1)
    assert features["original_firstorder_Variance"] == pytest.approx(100, rel=0.01)


def test_several_codes_make_one_region():
    image, labels = pair()
    halves = sitk.GetArrayFromImage(labels)
    halves[:20] *= 3
    assert measure(image, volume(halves), codes=(1, 3)) == measure(image, labels)


def test_large_surfaces_are_equal_to_the_ninth_digit(monkeypatch):
    image, labels = pair()
    exact = measure(image, labels).features
    monkeypatch.setattr(shape, "EXACT_VERTICES", 0)
    found = measure(image, labels).features
    assert list(found) == list(exact)
    for name, value in exact.items():
        assert found[name] == pytest.approx(value, rel=1e-11), name


def _hole(image, labels):
    array = sitk.GetArrayFromImage(image).astype(np.float32)
    array[20, 30, 32:35] = np.nan
    return volume(array), labels


@pytest.mark.parametrize(
    ("change", "rule", "evidence"),
    [
        (lambda i, m: (i, m * 0), "at least 64 voxels", "0 voxels"),
        (lambda i, m: (i, m * 7), "at least 64 voxels", "0 voxels"),
        (
            lambda i, m: (i, volume(ellipsoid(radii=(1, 2, 2)).astype(np.uint8))),
            "at least 64 voxels",
            "15 voxels",
        ),
        (
            lambda i, m: (i, volume(sitk.GetArrayFromImage(m), origin=(-120.3, 33.1, -699.45))),
            "one grid",
            "1.25 mm",
        ),
        (lambda i, m: (i, volume(sitk.GetArrayFromImage(m), spacing=(1, 1, 1.25))), "one grid", "mm apart"),
        (lambda i, m: (i, m[:, :, :-1]), "one grid", r"\(64, 60, 40\) and \(64, 60, 39\)"),
        (lambda i, m: (i * 0 + 7, m), "values differ", "are 7"),
        (_hole, "are numbers", "3 of"),
    ],
)
def test_what_has_no_features_gets_a_verdict(change, rule, evidence):
    with pytest.raises(Unusable, match=rule) as refusal:
        measure(*change(*pair()), min_voxels=64)
    assert refusal.match(evidence)
    assert refusal.value.remedy


@pytest.mark.parametrize(
    ("setting", "evidence"),
    [
        ({"resegmentRange": [5000, 6000]}, "excluded too many voxels"),
        ({"resegmentRange": [109, 6000]}, "ROI is too small"),
        ({"resampledPixelSpacing": [5, 5, 5]}, "ROI is too small"),
        ({"resampledPixelSpacing": [80, 80, 80]}, ""),
    ],
)
def test_what_is_too_little_once_prepared_gets_a_verdict(setting, evidence):
    with pytest.raises(Unusable, match="pyradiomics accepts the region") as refusal:
        measure(*pair(), json.dumps({"setting": setting}), min_voxels=64)
    assert evidence in refusal.value.evidence


def test_a_feature_that_is_no_number_is_never_kept():
    image, _ = pair()
    line = np.zeros(SHAPE, np.uint8)
    line[20, 10:50, 32] = 1  # no volume: axes of length 0
    with pytest.raises(Unusable):
        measure(image, volume(line))


def test_grids_may_differ_by_rounding():
    image, labels = pair()
    labels.SetOrigin([place + 1e-4 for place in labels.GetOrigin()])
    region.check_grids(image, labels)
    assert measure(image, labels) == measure(*pair())
