"""`python -m benchmarks.gpu G1 [--out FILE]`: JSON of rows and conditions; `--tiny --device cpu` proves that it runs."""

import argparse
import importlib
import json
from pathlib import Path

import torch

from benchmarks.gpu.place import Place
from medgantry.training.guards import check_versions

GOALS = {
    "G1": "end_to_end",
    "G2": "recipe",
    "G3": "step",
    "G4": "step_floor",
    "G5": "sliding_window",
    "G6": "augmentation",
    "G7": "accuracy",
}


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="benchmarks.gpu")
    parser.add_argument("goals", nargs="+", choices=GOALS)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="small shapes and few runs: figures mean nothing")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    place = Place(torch.device(arguments.device), tiny=arguments.tiny)
    cudnn = torch.backends.cudnn.version() if place.on_gpu else None
    warnings = check_versions(torch_version=torch.__version__, cudnn=cudnn, precision="bf16")
    # As in training: shapes do not change.
    torch.backends.cudnn.benchmark = True
    rows = []
    for goal in arguments.goals:
        rows += [
            {"goal": goal, **row}
            for row in importlib.import_module(f"benchmarks.gpu.{GOALS[goal]}").main(place)
        ]
    text = json.dumps({"conditions": place.conditions(), "warnings": warnings, "rows": rows}, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text)


if __name__ == "__main__":
    main()
