"""What lies in the files gives what the network gives; what cannot be exported is named."""

import json
import subprocess
import sys

import pytest
import torch
from monai.networks.nets import UNet

from medgantry.bundles import Bundle
from medgantry.bundles.exported import proof
from medgantry.bundles.exported.formats import FORMATS
from medgantry.bundles.exported.proof import write_proved
from medgantry.bundles.exported.step import export_network, export_step
from medgantry.errors import InvalidBundle
from medgantry.fingerprint import hash_file

NETWORK = {
    "spatial_dims": 2,
    "in_channels": 1,
    "out_channels": 2,
    "channels": [4, 8, 16],
    "strides": [2, 2],
    "num_res_units": 1,
}
LOAD = """
import sys, torch
image = torch.load("image.pt")
torch.save([torch.jit.load("model.ts")(image), torch.export.load("model.pt2").module()(image)], "outputs.pt")
assert "monai" not in sys.modules
"""


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "bundle"
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    image = {
        "num_channels": 1,
        "dtype": "float32",
        "spatial_shape": ["4*n", "4*n"],
        "channel_def": {"0": "CT"},
    }
    metadata = {
        "version": "1",
        "monai_version": "1.6.1",
        "name": "Spleen",
        "network_data_format": {
            "inputs": {"image": image},
            "outputs": {"pred": {"channel_def": {"0": "background", "1": "spleen"}}},
        },
    }
    (folder / "configs/metadata.json").write_text(json.dumps(metadata))
    (folder / "configs/inference.json").write_text(
        json.dumps({"network_def": {"_target_": "UNet", **NETWORK}})
    )
    torch.manual_seed(0)
    torch.save(UNet(**NETWORK).state_dict(), folder / "models/model.pt")
    return Bundle(folder)


def network_of(bundle):
    network = UNet(**NETWORK).eval()
    network.load_state_dict(torch.load(bundle.weights, weights_only=True))
    return network


def test_both_files_give_the_networks_output_without_monai_and_at_other_sizes(bundle, tmp_path):
    folder = tmp_path / "exported"
    folder.mkdir()
    export_network(bundle, folder)
    image = torch.randn(3, 1, 40, 56)
    torch.save(image, folder / "image.pt")
    subprocess.run([sys.executable, "-c", LOAD], cwd=folder, check=True)
    with torch.no_grad():
        wanted = network_of(bundle)(image)
    for output in torch.load(folder / "outputs.pt"):
        torch.testing.assert_close(output, wanted, atol=1e-4, rtol=0)
    said = json.loads((folder / "export.json").read_text())
    assert said["input"] == {"name": "image", "shape": ["batch", 1, "4*n", "4*n"], "dtype": "float32"}
    assert said["checked_shapes"] == [[2, 1, 32, 32], [2, 1, 32, 32], [1, 1, 32, 32], [1, 1, 36, 40]]
    assert [each["sha256"] for each in said["files"]] == [
        hash_file(folder / name) for name in ("model.ts", "model.pt2")
    ]
    assert all(len(each["differences"]) == 4 and max(each["differences"]) <= 1e-4 for each in said["files"])


class OneOrMore(torch.nn.Module):
    """Does another thing with one image than with several, as no exported file can."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image if image.shape[0] == 1 else 2 * image


class ReadsValues(torch.nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image + float(image.max())


class GivesTwo(torch.nn.Module):
    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return image, image


SAMPLES = [(scale * torch.ones(batch, 1, 8, 8),) for batch, scale in ((2, 1.0), (2, 3.0), (1, 1.0))]


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
@pytest.mark.parametrize("odd", [OneOrMore, ReadsValues])
def test_the_module_that_cannot_be_exported_is_named(odd, form, tmp_path):
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3), torch.nn.Sequential(torch.nn.ReLU(), odd()))
    with torch.no_grad():
        network[0].weight.fill_(1.0)
    with pytest.raises(
        InvalidBundle, match=rf"^Module '1\.1' \({odd.__name__}\) cannot be exported as {form.name}"
    ):
        write_proved(network.eval(), SAMPLES, form, tmp_path)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_a_network_of_two_outputs_is_named_itself(form, tmp_path):
    with pytest.raises(InvalidBundle, match=r"GivesTwo.* must be one tensor, found tuple"):
        write_proved(GivesTwo(), SAMPLES, form, tmp_path)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_a_difference_above_the_tolerance_is_an_error(form, tmp_path, monkeypatch):
    network = torch.nn.Conv2d(1, 1, 3).eval()
    assert max(write_proved(network, SAMPLES, form, tmp_path)) <= proof.TOLERANCE
    monkeypatch.setattr(proof, "TOLERANCE", -1.0)
    with pytest.raises(InvalidBundle, match="differ by 0"):
        write_proved(network, SAMPLES, form, tmp_path)


def test_a_step_that_fails_leaves_nothing_half_done(bundle, store, tmp_path, monkeypatch):
    monkeypatch.setattr(proof, "TOLERANCE", -1.0)
    with pytest.raises(InvalidBundle, match="cannot be exported"):
        export_step(bundle.folder, tmp_path / "exported")
    assert not (tmp_path / "exported").exists()
    assert not list(store.list("exports/"))


def test_a_second_export_is_the_first_one(bundle, store, tmp_path):
    for name in ("first", "second"):
        export_step(bundle.folder, tmp_path / name)
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("first", "second")
    )
    assert first == second
    assert {"model.ts", "model.pt2", "export.json"} <= set(first)


def test_weights_that_are_code_are_refused(bundle, tmp_path):
    torch.save(UNet(**NETWORK), bundle.weights)
    with pytest.raises(InvalidBundle, match="tensors alone"):
        export_network(bundle, tmp_path)
