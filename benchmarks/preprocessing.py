"""One case from NIfTI to what training reads: a shard, against MONAI's transforms and `torch.save`."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import monai
import numpy as np
import torch

from benchmarks.paired import compare
from benchmarks.subject import REGIONS, write_case
from medgantry.bundles.parser import deterministic_transforms
from medgantry.sharding.encoding import decode, encode
from medgantry.sharding.shard_file import read_tensor, write_shard


def main() -> list[dict[str, Any]]:
    """One row; void, by an error, when the stored values differ by more than the allowed rounding."""
    torch.set_num_threads(1)
    with TemporaryDirectory() as name:
        folder = Path(name)
        bundle, case = write_case(folder)
        transforms = deterministic_transforms(bundle, REGIONS)
        shard, pickled = folder / "case.safetensors", folder / "case.pt"
        scales: dict[str, tuple[float, float]] = {}

        def ours() -> None:
            parts = {key: encode(torch.as_tensor(value).numpy()) for key, value in transforms(case).items()}
            scales.update({key: (part.scale, part.offset) for key, part in parts.items()})
            write_shard(shard, {f"case.{key}": part.stored for key, part in parts.items()}, {})

        def theirs() -> None:
            made = transforms(case)
            torch.save({key: value.as_tensor().float() for key, value in made.items()}, pickled)

        row = compare(
            "preprocess one case and store it", f"MONAI {monai.__version__} + torch.save", ours, theirs
        )
        stored = torch.load(pickled, weights_only=True)
        for key, wanted in stored.items():
            found = decode(read_tensor(shard, f"case.{key}"), *scales[key]).astype(np.float32)
            error = float(np.abs(found - wanted.numpy()).max()) / float(wanted.abs().max())
            assert error <= 1e-3, (key, error)
        row["bytes"] = {"ours": shard.stat().st_size, "peer": pickled.stat().st_size}
        return [row]
