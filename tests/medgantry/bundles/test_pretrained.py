"""Weights of another task: what of them is taken, and what is refused."""

from pathlib import Path

import pytest
import torch
from monai.networks.nets import DenseNet, UNet

from medgantry.bundles import open_bundle
from medgantry.bundles.bundle import PRETRAINED
from medgantry.bundles.pretrained import load_pretrained
from medgantry.errors import InvalidBundle, InvalidInput, ObjectMissing

OURS = "medgantry:skin_lesion_classification"
HEAD = ("class_layers.out.weight", "class_layers.out.bias")


def densenet(classes=7, seed=0):
    """DenseNet of three blocks of two layers: names as DenseNet121 has them."""
    torch.manual_seed(seed)
    return DenseNet(
        spatial_dims=2,
        in_channels=3,
        out_channels=classes,
        init_features=8,
        growth_rate=4,
        block_config=(2, 2, 2),
    )


def torchvisions(state, separator):
    """Named as torchvision's files: since 2019 `norm1`, in those that it publishes `norm.1`, without batch counts."""
    return {
        name.replace("class_layers.out", "classifier")
        .replace(".layers.norm", f".norm{separator}")
        .replace(".layers.conv", f".conv{separator}"): tensor
        for name, tensor in state.items()
        if "num_batches" not in name
    }


def opened(tmp_path, state):
    """Our bundle with this file of pretrained weights."""
    path = tmp_path / "weights.pth"
    torch.save(state, path)
    return open_bundle(OURS, "", tmp_path / "bundle", pretrained=str(path))


@pytest.mark.parametrize("naming", ["torchvision", "published", "MONAI"])
def test_every_feature_is_taken_and_a_head_of_other_classes_stays_fresh(tmp_path, naming):
    given = densenet(classes=1000, seed=1).state_dict()
    separators = {"torchvision": "", "published": "."}
    named = torchvisions(given, separators[naming]) if naming in separators else given
    assert ("features.denseblock1.denselayer1.norm1.weight" in named) == (naming == "torchvision")
    network = densenet()
    fresh = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    load_pretrained(opened(tmp_path, named), network)
    found = network.state_dict()
    weights = [name for name in found if name.endswith("weight") and name not in HEAD]
    assert any("denselayer2" in name for name in weights)
    for name in weights:
        assert torch.equal(found[name], given[name]), name
    for name in HEAD:
        assert torch.equal(found[name], fresh[name])
    assert not torch.equal(found["features.conv0.weight"], fresh["features.conv0.weight"])


def test_monais_head_of_the_same_classes_is_taken(tmp_path):
    given = densenet(seed=1).state_dict()
    network = densenet()
    load_pretrained(opened(tmp_path, {"model": given}), network)
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in given.items())


def test_the_names_are_those_of_the_bundles_network(tmp_path):
    """MONAI's own DenseNet121 knows how torchvision's names become its own."""
    from monai.networks.nets import DenseNet121

    given = DenseNet121(spatial_dims=2, in_channels=3, out_channels=1000).state_dict()
    network = DenseNet121(spatial_dims=2, in_channels=3, out_channels=7)
    load_pretrained(opened(tmp_path, torchvisions(given, "")), network)
    found = network.state_dict()
    parameters = [name for name, _ in network.named_parameters() if name not in HEAD]
    assert all(torch.equal(found[name], given[name]) for name in parameters)
    assert len(parameters) > 350


def test_a_file_of_another_network_is_refused_with_both_counts(tmp_path):
    other = UNet(spatial_dims=2, in_channels=3, out_channels=2, channels=(4, 8), strides=(2,))
    network = densenet()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(InvalidBundle, match=f"fit 0 of the network's {len(before)} tensors"):
        load_pretrained(opened(tmp_path, other.state_dict()), network)
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize(
    "content", [{"features.conv0.weight": Path("x")}, densenet()], ids=["path", "module"]
)
def test_a_pickled_object_is_refused(tmp_path, content):
    with pytest.raises(InvalidBundle, match="tensors alone"):
        load_pretrained(opened(tmp_path, content), densenet())


@pytest.mark.parametrize(
    "content",
    [[torch.ones(1)], torch.ones(1), {"features.conv0.weight": 1}],
    ids=["list", "tensor", "number"],
)
def test_what_is_no_state_dict_is_refused(tmp_path, content):
    with pytest.raises(InvalidBundle):
        load_pretrained(opened(tmp_path, content), densenet())


def test_without_a_file_nothing_happens(tmp_path):
    network = densenet()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    load_pretrained(open_bundle(OURS, "", tmp_path / "bundle"), network)
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in before.items())


def test_a_file_here_and_one_in_the_store_are_brought_into_the_bundle(tmp_path, store):
    path = tmp_path / "weights.pth"
    torch.save(densenet().state_dict(), path)
    store.put_file("pretrained/weights.pth", path)
    plain = open_bundle(OURS, "", tmp_path / "plain")
    bundles = [
        open_bundle(OURS, "", tmp_path / name, pretrained=uri)
        for name, uri in (("here", str(path)), ("there", store.uri("pretrained/weights.pth")))
    ]
    for bundle in bundles:
        assert (bundle.folder / PRETRAINED).read_bytes() == path.read_bytes()
        assert bundle.weights is None
    assert bundles[0].bundle_hash == bundles[1].bundle_hash != plain.bundle_hash


def test_a_file_that_is_not_there_is_refused_and_no_bundle_appears(tmp_path, store):
    with pytest.raises(InvalidInput, match=r"none\.pth"):
        open_bundle(OURS, "", tmp_path / "bundle", pretrained=str(tmp_path / "none.pth"))
    with pytest.raises(ObjectMissing, match=r"none\.pth"):
        open_bundle(OURS, "", tmp_path / "bundle", pretrained=store.uri("none.pth"))
    assert not (tmp_path / "bundle").exists()
