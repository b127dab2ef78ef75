"""A segmentation's answers: a label map on the grid of what came, and how large each region is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from medgantry.bundles import Bundle
from medgantry.bundles.case_files import bring_case
from medgantry.dicom.export.segmentation import make_segmentation, segments_of
from medgantry.errors import InvalidInput
from medgantry.exporting.algorithm import algorithm_of
from medgantry.inference import Segmentation, Segmenter
from medgantry.inference.label_map import labels_to_region
from medgantry.monitoring.region_volumes import region_volumes_ml
from medgantry.serving.answers.overlay import draw_slices
from medgantry.serving.exchange import Answer, Answered, Asked, Described, FileAnswer
from medgantry.serving.incoming.content import Receiver
from medgantry.serving.incoming.volumes import Received, observe, receive_volume
from medgantry.stages import stage

_DRAWN = {"region_masks_nifti", "overlay_png", "dicom_seg"}
"""Outputs that are made of masks."""


class SegmentationAnswers:
    """Answers of a bundle that segments volumes.

    One input per channel, named as the channel; `incoming.volumes` says in which forms. Outputs:

        label_map           UINT8 (i, j, k), codes of the labels that the bundle was trained with
        regions             names
        volume_ml           FP64, of each region
        label_map_nifti     the label map as a file with the source's geometry
        region_masks_nifti  a file for each region: regions may overlap
        dicom_seg           a DICOM Segmentation of the series that came
        overlay_png         slices of the first channel with the regions laid on them, to look at
        uncertainty_nifti   of ensembles and with test-time augmentation

    Args:
        bundle: With weights.
        receiver: Brings what requests hold.
    """

    def __init__(self, bundle: Bundle, receiver: Receiver) -> None:
        self._model, self._receiver = Segmenter(bundle, implied=True), receiver
        count = len(self._model.regions) or -1  # of codes that nobody explained, as many as an answer holds
        self.inputs = [Described(name=name, datatype="BYTES", shape=[1]) for name in bundle.input_channels]
        self.outputs = [
            Described(name="label_map", datatype="UINT8", shape=[-1, -1, -1]),
            Described(name="regions", datatype="BYTES", shape=[count]),
            Described(name="volume_ml", datatype="FP64", shape=[count]),
            Described(name="label_map_nifti", datatype="BYTES", shape=[1], usual=False),
            Described(name="region_masks_nifti", datatype="BYTES", shape=[count], usual=False),
            Described(name="dicom_seg", datatype="BYTES", shape=[1], usual=False),
            Described(name="overlay_png", datatype="BYTES", shape=[-1], usual=False),
        ]
        if self._model.several:
            self.outputs.append(Described(name="uncertainty_nifti", datatype="BYTES", shape=[1], usual=False))

    def answer(self, asked: Asked, wanted: Sequence[str], scratch: Path) -> Answered:
        """Segment one case."""
        given = asked.by_name([each.name for each in self.inputs])
        with stage("read"):
            received = [receive_volume(each, self._receiver, scratch) for each in given.values()]
            item = bring_case([each.file for each in received], self._model.bundle, scratch)
        if "dicom_seg" in wanted and not received[0].slices:
            raise InvalidInput(
                "A DICOM Segmentation refers to the slices of a series.", "Send the series, or ask for NIfTI."
            )
        found = self._model.predict_case(item)
        with stage("write"):
            volumes = region_volumes_ml(found.labels, found.regions, found.header.get_zooms()[:3])
            outputs = self._made(found, volumes, received, wanted, scratch)

        def facts() -> dict[str, Any]:
            declared = {name: volumes[name] for name in self._model.regions}
            return {**observe(received), "volumes_ml": declared}

        return Answered(outputs=outputs, observe=facts)

    @property
    def names(self) -> list[str]:
        """Channels and regions."""
        return [*(each.name for each in self.inputs), *self._model.regions]

    def _made(
        self,
        found: Segmentation,
        volumes: Mapping[str, float],
        received: Sequence[Received],
        wanted: Sequence[str],
        scratch: Path,
    ) -> Answer:
        names = list(found.regions)
        masks = _masks(found, wanted)
        affine = found.header.get_best_affine()
        answer: dict[str, NDArray[Any] | Sequence[str] | FileAnswer] = {}
        for output in wanted:
            path = scratch / f"{output.removesuffix('_nifti')}.nii.gz"
            match output:
                case "label_map":
                    answer[output] = found.labels
                case "regions":
                    answer[output] = list(names)
                case "volume_ml":
                    answer[output] = np.asarray([volumes[name] for name in names], np.float64)
                case "label_map_nifti":
                    found.save(path)
                    answer[output] = FileAnswer(paths=[path])
                case "uncertainty_nifti":
                    found.save_uncertainty(path)
                    answer[output] = FileAnswer(paths=[path])
                case "region_masks_nifti":
                    answer[output] = FileAnswer(
                        paths=[
                            _save_mask(found, masks[name], scratch / f"region-{number}.nii.gz")
                            for number, name in enumerate(names, start=1)
                        ]
                    )
                case "overlay_png":
                    volume = _first_channel(received[0])
                    answer[output] = FileAnswer(
                        paths=draw_slices(volume, list(masks.values()), affine, scratch)
                    )
                case "dicom_seg":
                    path = scratch / "seg.dcm"
                    self._dicom(masks, received[0].slices, affine).save_as(path)
                    answer[output] = FileAnswer(paths=[path])
        return answer

    def _dicom(
        self, masks: Mapping[str, NDArray[np.bool_]], slices: Sequence[Dataset], affine: NDArray[np.float64]
    ) -> Dataset:
        bundle = self._model.bundle
        segments = segments_of(bundle.metadata, bundle.outputs)
        placed = {name: mask.transpose(2, 1, 0) for name, mask in masks.items()}
        return make_segmentation(slices, placed, segments, algorithm_of(bundle), affine)


def _masks(found: Segmentation, wanted: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """Region -> mask, where an output is made of them: each takes a pass over the volume."""
    if not _DRAWN & set(wanted):
        return {}
    return {name: labels_to_region(found.labels, codes) for name, codes in found.regions.items()}


def _first_channel(received: Received) -> NDArray[Any]:
    voxels: NDArray[Any] = np.asanyarray(nibabel.load(received.file.uri).dataobj)
    return voxels if voxels.ndim == 3 else voxels[..., max(received.file.channel_index, 0)]


def _save_mask(found: Segmentation, mask: NDArray[np.bool_], path: Path) -> Path:
    replace(found, labels=mask.astype(np.uint8)).save(path)
    return path
