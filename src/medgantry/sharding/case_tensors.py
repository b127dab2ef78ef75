"""From a case's files to the named tensors that the bundle's deterministic transforms make."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medgantry.bundles import Bundle
from medgantry.bundles.case_files import bring_case
from medgantry.bundles.recipe import Recipe
from medgantry.cohort import File
from medgantry.sharding.label_check import check_label


class CaseTensors:
    """A bundle's deterministic transforms, applied to cases.

    Args:
        bundle: The bundle.
        regions: Region name -> label codes, of the cohort.
    """

    def __init__(self, bundle: Bundle, regions: Mapping[str, list[int]]) -> None:
        torch.set_num_threads(1)  # tasks run beside each other; one core each keeps sums bit-equal too
        self._bundle, self._regions = bundle, regions
        self._transforms = Recipe(bundle, regions).deterministic

    def bring(
        self, files: Sequence[File], scratch: Path, class_index: int | None = None
    ) -> tuple[dict[str, Any], Path]:
        """Fetch a case's files; returns the transforms' input and the scratch folder to drop after.

        Args:
            files: The case's rows.
            scratch: Where they go.
            class_index: The case's label in classification.
        """
        scratch.mkdir(parents=True, exist_ok=True)
        item: dict[str, Any] = dict(bring_case(files, self._bundle, scratch))
        return (item if class_index is None else item | {"label": class_index}), scratch

    def __call__(self, brought: tuple[dict[str, Any], Path]) -> dict[str, np.ndarray[Any, Any]]:
        """Name -> array of every tensor the transforms make: (C, i, j, k), (C, i, j), or a class index."""
        item, scratch = brought
        try:
            result = self._transforms(item)
            if self._regions and "label" in result:
                check_label(result["label"], item["label"], self._bundle.channels_out, self._regions)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return {
            str(key): torch.as_tensor(value).numpy()
            for key, value in result.items()
            if isinstance(value, torch.Tensor | np.ndarray | int)
        }
