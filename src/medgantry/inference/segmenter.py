"""`Segmenter`: a trained segmentation bundle applied to source volumes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch
from monai.data import MetaTensor
from numpy.typing import NDArray

from medgantry.bundles import Bundle
from medgantry.errors import InvalidBundle
from medgantry.inference.label_codes import codes_in, implied_codes, trained_codes
from medgantry.inference.label_map import majority
from medgantry.inference.labelling import Labelling
from medgantry.inference.loaded_network import LoadedNetwork
from medgantry.inference.nifti_writing import save_nifti
from medgantry.inference.postprocessing import take_apart
from medgantry.inference.running_mean import RunningMean

_ROUNDING = 1e-5
"""By which a softmax may leave [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """A label map on the grid of the file it came from."""

    labels: NDArray[np.uint8]
    """(i, j, k), codes of the cohort the bundle was trained on."""
    header: Any
    """The source file's NIfTI header."""
    regions: Mapping[str, Sequence[int]]
    """Region -> its codes."""
    uncertainty: NDArray[np.float32] | None = None
    """(i, j, k), entropy [1] in [0, 1], see `uncertainty.predictive_entropy`; only of ensembles and with test-time
    augmentation."""
    members: Sequence[NDArray[np.uint8]] = ()
    """The label map of each member alone, where asked for."""

    def save(self, path: Path) -> None:
        """Write as NIfTI with the source's geometry, untouched."""
        self._write(self.labels, path)

    def save_uncertainty(self, path: Path) -> None:
        """Write the uncertainty as NIfTI of float32, with the source's geometry.

        Raises:
            InvalidBundle: If a single network answered.
        """
        if self.uncertainty is None:
            raise InvalidBundle(
                "A single network answered, so there is no uncertainty map.",
                "Use an ensemble or test-time augmentation: docs/ensembles.md.",
            )
        self._write(self.uncertainty, path)

    def _write(self, voxels: NDArray[Any], path: Path) -> None:
        header = self.header.copy()
        header.set_data_dtype(voxels.dtype)
        header.set_slope_inter(1, 0)
        header["cal_min"] = header["cal_max"] = 0
        save_nifti(voxels, header, path)


class Segmenter:
    """A bundle ready to predict.

    Args:
        bundle: With weights, and unless `implied` with provenance that says what its regions are made of.
        untrained_seed: Use a fresh network of this seed instead of the weights: the baseline of no learning.
        each_member: Whether to give the label map of each member of an ensemble too.
        implied: Whether a bundle that does not say what its regions are made of is taken as `label_codes.implied_codes` says.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        untrained_seed: int | None = None,
        each_member: bool = False,
        implied: bool = False,
    ) -> None:
        if bundle.task != "segmentation":
            raise InvalidBundle(f"{bundle.folder.name} is for {bundle.task}, not for segmentation.")
        self.bundle = bundle
        self._implied = implied and "regions" not in bundle.provenance
        if not self._implied:
            trained_codes(bundle)  # before weights are read
        self._loaded = LoadedNetwork(bundle, untrained_seed=untrained_seed)
        self._postprocessing = take_apart(self._loaded.postprocessing)
        self.regions = implied_codes(bundle, self._postprocessing) if self._implied else trained_codes(bundle)
        bits = self._implied and not self._postprocessing.exclusive
        self._labelling = Labelling(bundle, self.regions, self._postprocessing, bits=bits)
        self._each_member = each_member

    @property
    def several(self) -> bool:
        """Whether several answers are made into one, which then has an uncertainty."""
        return self._loaded.voices > 1

    def predict_case(self, item: Mapping[str, Path | list[Path]]) -> Segmentation:
        """Predict one case.

        Args:
            item: `image`: one file with all channels in the bundle's order, or one file per channel.

        Returns:
            The label map on the grid of the (first) image file.

        Raises:
            InvalidBundle: If the bundle's transforms lose the volume's geometry, or its answer is none.
        """
        source = item["image"][0] if isinstance(item["image"], list) else item["image"]
        reference = nibabel.load(source)
        i, j, k = (int(size) for size in reference.shape[:3])
        grid = (i, j, k), reference.affine
        image = self._loaded.prepare(item["image"])
        if not isinstance(image, MetaTensor):
            raise InvalidBundle("The bundle's preprocessing drops the affine.", "Remove ToTensord from it.")
        ensemble = self._loaded.ensemble
        votes = ensemble is not None and ensemble.rule == "vote"
        mean, members = RunningMean(), []
        for number, answer in enumerate(self._loaded.answers(image, self._postprocessing.activate)):
            mean.add(answer, ensemble.shares[number] if ensemble else 1.0)
            if votes or self._each_member:
                members.append(self._labelling.label(answer, image, *grid, unsure=False)[0])
        if self.several:
            _check_probabilities(mean.value)
        labels, uncertainty = self._labelling.label(mean.value, image, *grid, unsure=self.several)
        header = reference.header.copy()
        header.set_data_shape(grid[0])
        return Segmentation(
            labels=majority(members, self.bundle.outputs, self.regions) if votes else labels,
            header=header,
            regions=self.regions or codes_in(labels),
            uncertainty=uncertainty,
            members=members if self._each_member else (),
        )


def _check_probabilities(found: torch.Tensor) -> None:
    if found.min() < -_ROUNDING or found.max() > 1 + _ROUNDING:
        raise InvalidBundle(
            f"Several answers are averaged as probabilities; found values from {float(found.min()):.3g} to "
            f"{float(found.max()):.3g}.",
            "Let the bundle's post-processing begin with Activationsd.",
        )
