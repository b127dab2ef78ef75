"""A stored case into memory, as the training loop does it: a shard, against `torch.load` of a float32 `.pt`."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from benchmarks.paired import compare
from medgantry.sharding.encoding import encode
from medgantry.sharding.shard_file import write_shard
from medgantry.training.samples import ShardReader

SHAPE = (128, 128, 64)


def main() -> list[dict[str, Any]]:
    """One row; void, by an error, when the read values differ by more than float16's rounding."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    image = rng.standard_normal((4, *SHAPE), dtype=np.float32)
    label = (rng.random((3, *SHAPE)) > 0.9).astype(np.uint8)
    with TemporaryDirectory() as name:
        folder = Path(name)
        parts = {"image": encode(image), "label": encode(label)}
        write_shard(folder / "0.safetensors", {f"case.{key}": part.stored for key, part in parts.items()}, {})
        facts = {key: {"scale": part.scale, "offset": part.offset} for key, part in parts.items()}
        reader = ShardReader([{"sha256": "0", "uri": "", "cases": {"case": facts}}], folder)
        pickled = folder / "case.pt"
        torch.save({"image": torch.from_numpy(image), "label": torch.from_numpy(label).float()}, pickled)
        row = compare(
            "read one stored sample of 4 x 128 x 128 x 64",
            f"torch {torch.__version__} torch.load of float32",
            lambda: [reader.read("case") for _ in range(8)],
            lambda: [torch.load(pickled, weights_only=True) for _ in range(8)],
        )
        read = reader.read("case")
        assert float((read["image"] - torch.from_numpy(image)).abs().max()) < 1e-3 * float(
            np.abs(image).max()
        )
        assert torch.equal(read["label"], torch.from_numpy(label))
        row["bytes"] = {"ours": (folder / "0.safetensors").stat().st_size, "peer": pickled.stat().st_size}
        return [row]
