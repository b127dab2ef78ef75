"""How a bundle is called in the DICOM objects that it made."""

from medgantry.bundles import Bundle
from medgantry.dicom.export.segmentation import Algorithm


def algorithm_of(bundle: Bundle) -> Algorithm:
    """Its name, and its version with the beginning of its weights' hash."""
    return Algorithm(
        name=str(bundle.metadata.get("name", bundle.folder.name))[:64],
        version=f"{bundle.metadata['version']}+{bundle.weights_hash[:8]}"[:64],
    )
