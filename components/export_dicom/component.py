"""The component `export_dicom`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Bundle, Cohort, DicomExport


@dsl.component(base_image=images.DATA, install_kfp_package=False)
def export_dicom(
    predictions: dsl.Input[Cohort],
    bundle: dsl.Input[Bundle],
    exported: dsl.Output[DicomExport],
    target: str = "",
    measurements: bool = False,
):
    """Write predictions as DICOM Segmentations in their series' geometry, keep them and send them.

    Args:
        predictions: A cohort that was ingested from DICOM and predicted.
        bundle: The bundle that predicted; its metadata say what its regions are in DICOM.
        target: dicomweb+https:// address (STOW-RS) or dimse:// address (C-STORE); empty to keep them in the store.
        measurements: Whether volumes are reported too, as a Comprehensive 3D SR.

    Returns:
        exported: The objects by URI and hash, whether each was sent, and the ledger.
    """
    from pathlib import Path

    from medgantry.exporting.step import export_step

    folders = Path(predictions.path), Path(bundle.path), Path(exported.path)
    export_step(*folders, target=target, measurements=measurements)
