"""The step `export`."""

from pathlib import Path

import torch

from medgantry.bundles.bundle import Bundle
from medgantry.bundles.exported.declared_input import DeclaredInput
from medgantry.bundles.exported.formats import FORMATS
from medgantry.bundles.exported.proof import TOLERANCE, write_proved
from medgantry.bundles.parser import load_weights, make_parser, part
from medgantry.documents import read_document, write_document
from medgantry.errors import InvalidBundle
from medgantry.fingerprint import code_fingerprint, hash_file, hash_value
from medgantry.steps import reuse_or_build, step
from medgantry.storage import ObjectStore

DOCUMENT = "export.json"
SCHEMA_NAME = "medgantry/export/1"


def export_step(bundle_folder: Path, output: Path) -> None:
    """Export a bundle's network; the arguments are the component's."""
    with step("export") as record:
        bundle = Bundle(bundle_folder)
        if bundle.weights is None:
            raise InvalidBundle(f"{bundle.folder.name} has no weights.", "Train it first.")
        prefix = (
            f"exports/{hash_value([SCHEMA_NAME, bundle.model_hash, torch.__version__, code_fingerprint()])}"
        )
        store = ObjectStore.from_environment()
        reuse_or_build(record, store, prefix, output, lambda folder: export_network(bundle, folder))
        document = read_document(output / DOCUMENT, SCHEMA_NAME)
        record.facts = {"largest_difference": max(max(each["differences"]) for each in document["files"])}


def export_network(bundle: Bundle, folder: Path) -> None:
    """Write the network of a bundle in every format, and `export.json` about them.

    The network is that of the inference config, in eval mode, on the CPU: from the declared input to its output, without
    preprocessing, sliding window and postprocessing.

    Args:
        bundle: With weights; trusted, as its configs are code.
        folder: Exists; what is in it after an error is of no use.

    Raises:
        InvalidBundle: If a module cannot be exported so that the outputs are equal, by its name.
    """
    declared = DeclaredInput.of(bundle)
    network: torch.nn.Module = part(make_parser(bundle, bundle.inference_config), "network_def")
    load_weights(bundle, network)
    network = network.cpu().eval().requires_grad_(False)
    samples = [(each,) for each in declared.samples()]
    files = []
    for form in FORMATS:
        differences = write_proved(network, samples, form, folder)
        file = {"file": form.file, "format": form.name, "sha256": hash_file(folder / form.file)}
        files.append({**file, "differences": differences})
    document = {
        "bundle": {
            "name": bundle.metadata.get("name", ""),
            "version": bundle.metadata["version"],
            "model_hash": bundle.model_hash,
        },
        "input": {"name": declared.name, "shape": declared.shape, "dtype": "float32"},
        "output": {"channels": bundle.channels_out},
        "checked_shapes": [list(inputs[0].shape) for inputs in samples],
        "tolerance": TOLERANCE,
        "files": files,
        "torch": torch.__version__,
    }
    write_document(folder / DOCUMENT, SCHEMA_NAME, document)
