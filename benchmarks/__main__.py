"""`python -m benchmarks [name ...]`: one JSON object per row; B1 to B4 and B11 are names too."""

import importlib
import json
import sys

NAMES = ("preprocessing", "reading", "dicom_raw", "dicom_nifti", "dicom_compressed", "dicom_seg", "radiomics")
SHORT = {
    "B1": "dicom_raw",
    "B2": "dicom_nifti",
    "B3": "dicom_compressed",
    "B4": "dicom_seg",
    "B11": "radiomics",
}


def main() -> None:
    """Run what was asked for, or all."""
    for name in sys.argv[1:] or NAMES:
        for row in importlib.import_module(f"benchmarks.{SHORT.get(name, name)}").main():
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
