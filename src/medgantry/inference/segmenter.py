"""`Segmenter`: a trained segmentation bundle applied to source volumes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch
from monai.transforms import Activationsd, AsDiscreted, Compose, Invertd, SaveImaged
from numpy.typing import NDArray

from medgantry.bundles import Bundle
from medgantry.errors import InvalidBundle, InvalidInput
from medgantry.inference.label_map import regions_to_labels
from medgantry.inference.loaded_network import LoadedNetwork
from medgantry.inference.source_grid import to_source_grid


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """A label map on the grid of the file it came from."""

    labels: NDArray[np.uint8]
    """(i, j, k), codes of the cohort the bundle was trained on."""
    header: Any
    """The source file's NIfTI header."""

    def save(self, path: Path) -> None:
        """Write as NIfTI with the source's geometry, untouched."""
        header = self.header.copy()
        header.set_data_dtype(np.uint8)
        header.set_slope_inter(1, 0)
        header["cal_min"] = header["cal_max"] = 0
        image = nibabel.Nifti1Image(self.labels, None, header)
        nibabel.save(image, path)


class Segmenter:
    """A bundle ready to predict.

    Args:
        bundle: With weights, and with provenance that says what its regions are made of.
        untrained_seed: Use a fresh network of this seed instead of the weights: the baseline of no learning.
    """

    def __init__(self, bundle: Bundle, *, untrained_seed: int | None = None) -> None:
        if bundle.task != "segmentation":
            raise InvalidBundle(f"{bundle.folder.name} is for {bundle.task}, not for segmentation.")
        self.bundle = bundle
        provenance = bundle.provenance
        if "regions" not in provenance:
            raise InvalidBundle(
                f"{bundle.folder.name} does not say which labels its regions are made of.",
                "Train it here, or add label_map and regions to provenance.json.",
            )
        self.regions: Mapping[str, list[int]] = provenance["regions"]
        self._loaded = LoadedNetwork(bundle, untrained_seed=untrained_seed)
        self._activate, self._threshold = _outputs(self._loaded.postprocessing)

    def predict_case(self, item: Mapping[str, Path | list[Path]]) -> Segmentation:
        """Predict one case.

        Args:
            item: `image`: one file with all channels in the bundle's order, or one file per channel.

        Returns:
            The label map on the grid of the (first) image file.

        Raises:
            InvalidBundle: If the bundle's transforms lose the volume's geometry.
        """
        source = item["image"][0] if isinstance(item["image"], list) else item["image"]
        reference = nibabel.load(source)
        image = self._loaded.prepare(item["image"])
        if not hasattr(image, "affine"):
            raise InvalidBundle("The bundle's preprocessing drops the affine.", "Remove ToTensord from it.")
        affine = np.asarray(image.affine, dtype=np.float64)
        probabilities = torch.as_tensor(self._activate({"pred": self._loaded.logits(image)})["pred"])
        shape = tuple(int(size) for size in reference.shape[:3])
        on_source = to_source_grid(probabilities.numpy(), affine, shape, reference.affine)  # type: ignore[arg-type]
        names = self.bundle.outputs
        if on_source.shape[0] != len(names):
            raise InvalidInput(f"The network gave {on_source.shape[0]} channels, metadata names {names}.")
        labels = regions_to_labels(on_source > self._threshold, names, self.regions)
        header = reference.header.copy()
        header.set_data_shape(shape)
        return Segmentation(labels=labels, header=header)


def _outputs(postprocessing: Compose) -> tuple[Compose, float]:
    """Activation and threshold out of a bundle's post-processing; inverse and saving are ours."""
    activations, threshold = [], None
    for transform in postprocessing.transforms:
        if isinstance(transform, Activationsd):
            activations.append(transform)
        elif isinstance(transform, AsDiscreted) and transform.threshold[0] is not None:
            threshold = float(transform.threshold[0])
        elif not isinstance(transform, Invertd | SaveImaged):
            raise InvalidBundle(
                f"Post-processing with {type(transform).__name__} is not supported.",
                "Use Activationsd and AsDiscreted with a threshold.",
            )
    if threshold is None:
        raise InvalidBundle("Post-processing must hold AsDiscreted with a threshold.")
    return Compose(activations), threshold
