"""Parameter documents: what pyradiomics would take, and what it would take and then do something else."""

import json

import pytest
import yaml
from radiomics.featureextractor import RadiomicsFeatureExtractor

from medgantry.errors import InvalidInput
from medgantry.features.radiomics.settings import Settings
from tests.medgantry.features.radiomics.subjects import pair


def test_the_defaults_are_the_107_features_of_the_original_image():
    names = Settings.parse("").feature_names
    assert len(names) == len(set(names)) == 107
    assert {name.split("_")[0] for name in names} == {"original"}


def test_the_saved_file_is_pyradiomics_own(tmp_path):
    given = {
        "setting": {"binWidth": 10},
        "imageType": {"Gradient": {}},
        "featureClass": {"firstorder": ["Mean"]},
    }
    settings = Settings.parse(json.dumps(given))
    (tmp_path / "radiomics.yaml").write_text(settings.yaml)
    extractor = RadiomicsFeatureExtractor(str(tmp_path / "radiomics.yaml"), additionalInfo=False)
    assert extractor.settings["binWidth"] == 10
    assert list(extractor.execute(*pair())) == list(settings.feature_names) == ["gradient_firstorder_Mean"]
    assert Settings(yaml.safe_load(settings.yaml)) == settings


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("[1]", "must be a JSON object"),
        ('{"binWidth": 5}', "may hold imageType, featureClass, setting, found binWidth"),
        ('{"voxelSetting": {}}', "found voxelSetting"),
        ('{"setting": {"binWidht": 5}}', "binWidht"),
        ('{"setting": {"binWidth": -5}}', "binWidth"),
        ('{"setting": {"binWidth": null}}', "binWidth are null"),
        ('{"setting": {"interpolator": "sitkCubic"}}', "sitkCubic"),
        ('{"setting": {"resampledPixelSpacing": [1, 1]}}', "three numbers"),
        ('{"setting": {"label": 2}}', "asked for by name"),
        ('{"setting": {"minimumROISize": 2}}', "min_voxels"),
        ('{"setting": {"correctMask": true}}', "correctMask"),
        ('{"imageType": ["Original"]}', "JSON object"),
        ('{"imageType": {"Original": 3}}', "Original"),
        ('{"imageType": {"Fourier": {}}}', "Fourier"),
        ('{"imageType": {"LoG": {}}}', "sigma"),
        ('{"imageType": {"LBP3D": {}}}', "libraries"),
        ('{"imageType": {"Wavelet": {"wavelet": "haarr"}}}', "haarr"),
        ('{"imageType": {"Gradient": {"geometryTolerance": 1}}}', "geometryTolerance"),
        ('{"featureClass": {"shape2D": []}}', "volumes"),
        ('{"featureClass": {"glcm": ["Kontrast"]}}', "Kontrast"),
    ],
)
def test_what_would_fail_or_be_ignored_is_refused(given, said):
    with pytest.raises(InvalidInput, match=said):
        Settings.parse(given)
