"""`python -m benchmarks [name ...]`: one JSON object per row."""

import importlib
import json
import sys

NAMES = ("preprocessing", "reading")


def main() -> None:
    """Run what was asked for, or all."""
    for name in sys.argv[1:] or NAMES:
        for row in importlib.import_module(f"benchmarks.{name}").main():
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
