"""`python -m benchmarks [name ...]`: one JSON object per row; B1 to B12 are names too."""

import importlib
import json
import sys

NAMES = (
    "dicom_raw",
    "dicom_nifti",
    "dicom_compressed",
    "dicom_seg",
    "nifti_read",
    "preprocess",
    "shard_job",
    "loader",
    "patch_read",
    "object_store",
    "infer",
    "radiomics",
    "serving_payload",
)
SHORT = {
    "B1": "dicom_raw",
    "B2": "dicom_nifti",
    "B3": "dicom_compressed",
    "B4": "dicom_seg",
    "B5": "nifti_read",
    "B6": "preprocess",
    "B7": "shard_job",
    "B8a": "loader",
    "B8b": "patch_read",
    "B9": "object_store",
    "B10": "infer",
    "B11": "radiomics",
    "B12": "serving_payload",
}


def main() -> None:
    """Run what was asked for, or all."""
    for name in sys.argv[1:] or NAMES:
        for row in importlib.import_module(f"benchmarks.{SHORT.get(name, name)}").main():
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
