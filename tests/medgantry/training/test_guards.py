"""Which versions may train, on a GPU."""

import pytest
import torch

from medgantry.errors import InvalidInput
from medgantry.training.guards import check_versions


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("version", ["2.9.0+cu128", "2.9.1"])
def test_torch_2_9_is_refused_on_a_gpu(version, precision):
    with pytest.raises(InvalidInput, match=r"torch 2\.9.*four times too slowly.*2\.10"):
        check_versions(torch_version=version, cudnn=91900, precision=precision)
    assert check_versions(torch_version=version, cudnn=None, precision=precision) == []


@pytest.mark.parametrize("cudnn", [90800, 90900, 91002])
def test_wrong_bf16_convolutions_are_refused(cudnn):
    with pytest.raises(InvalidInput, match=r"cuDNN 9\.\d+\.\d+ computes .* bf16 wrongly"):
        check_versions(torch_version="2.13.0", cudnn=cudnn, precision="bf16")
    for precision in ("fp32", "fp16"):
        assert len(check_versions(torch_version="2.13.0", cudnn=cudnn, precision=precision)) == 1


@pytest.mark.parametrize(("cudnn", "warnings"), [(90701, 1), (91100, 1), (91499, 1), (91500, 0), (100000, 0)])
def test_older_cudnn_is_a_warning(cudnn, warnings):
    for precision in ("fp32", "bf16"):
        found = check_versions(torch_version="2.10.0", cudnn=cudnn, precision=precision)
        assert len(found) == warnings
        assert all("older than 9.15" in warning for warning in found)


def test_the_installed_versions_can_be_asked():
    check_versions(torch_version=torch.__version__, cudnn=None, precision="bf16")
