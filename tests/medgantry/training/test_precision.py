"""What a network computes in under each precision, with MONAI's own trainer."""

import pytest
import torch
from monai.engines import SupervisedTrainer
from torch.utils.data import DataLoader

from medgantry.errors import InvalidInput
from medgantry.training.precision import Precision, asked_by

CPU = torch.device("cpu")


class Watched(torch.nn.Module):
    """A network that remembers the type it computed in."""

    def __init__(self):
        super().__init__()
        self.convolution = torch.nn.Conv3d(1, 4, 3, padding=1)
        self.end = torch.nn.Conv3d(4, 1, 1)

    def forward(self, images):
        inner = self.convolution(images)
        self.seen = inner.dtype
        return [self.end(inner), {"deep": self.end(inner)}]


def loss_of(outputs, target):
    """A loss that refuses what is not float32."""
    first, second = outputs[0], outputs[1]["deep"]
    assert first.dtype == second.dtype == torch.float32
    return ((first - target) ** 2).mean() + ((second - target) ** 2).mean()


def a_trainer(**arguments):
    torch.manual_seed(0)
    samples = [{"image": torch.randn(1, 8, 8, 8), "label": torch.randn(1, 8, 8, 8)} for _ in range(6)]
    network = Watched()
    return SupervisedTrainer(
        device=CPU,
        max_epochs=2,
        train_data_loader=DataLoader(samples, batch_size=2),
        network=network,
        optimizer=torch.optim.Adam(network.parameters(), lr=1e-2),
        loss_function=loss_of,
        decollate=False,
        **arguments,
    )


@pytest.mark.parametrize(("name", "computed"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
@pytest.mark.parametrize("amp", [False, True])
def test_a_network_computes_as_asked_whatever_the_bundle_says(name, computed, amp, recwarn):
    trainer = a_trainer(amp=amp)
    Precision(name, CPU).apply(trainer)
    before = [weight.clone() for weight in trainer.network.parameters()]
    recwarn.clear()
    trainer.run()
    assert trainer.network.seen == computed
    assert trainer.scaler is None
    assert not [warning for warning in recwarn if "autocast" in str(warning.message)]
    after = list(trainer.network.parameters())
    assert {weight.dtype for weight in after} == {torch.float32}
    assert not any(torch.equal(*pair) for pair in zip(before, after, strict=True))


def test_bf16_ends_near_fp32_and_not_at_it():
    ends = []
    for name in ("fp32", "bf16"):
        trainer = a_trainer()
        Precision(name, CPU).apply(trainer)
        trainer.run()
        ends.append(float(trainer.state.output["loss"]))
    assert ends[0] == pytest.approx(ends[1], rel=0.02)
    assert ends[0] != ends[1]


@pytest.mark.parametrize("tf32", [True, False])
def test_tf32_is_set_and_can_be_read_by_others(tf32):
    Precision("fp32", CPU, tf32=tf32).apply(a_trainer())
    assert torch.backends.cudnn.allow_tf32 is tf32
    assert torch.backends.cuda.matmul.allow_tf32 is tf32
    assert torch.get_float32_matmul_precision() == ("high" if tf32 else "highest")


def test_what_a_device_cannot_do_is_refused():
    with pytest.raises(InvalidInput, match=r"fp16 needs a CUDA device.*cpu.*fp32"):
        Precision("fp16", CPU)
    with pytest.raises(InvalidInput, match=r"fp32, bf16, fp16, got 'half'"):
        Precision("half", CPU)


def test_an_old_gpu_is_refused_bf16(monkeypatch):
    """No such GPU is at hand: what torch would say of one is put in its place."""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla V100")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 0))
    with pytest.raises(InvalidInput, match=r"8\.0, Tesla V100 has 7\.0.*fp16"):
        Precision("bf16", torch.device("cuda"))


def test_fp16_is_monais_amp_with_loss_scaling():
    trainer = a_trainer()
    if torch.cuda.is_available():
        Precision("fp16", torch.device("cuda")).apply(trainer)
        assert trainer.scaler.is_enabled()
    else:
        with pytest.warns(UserWarning, match="CUDA is not available"):
            Precision("fp16", torch.device("cuda")).apply(trainer)
    assert trainer.amp
    assert isinstance(trainer.scaler, torch.amp.GradScaler)
    assert trainer.amp_kwargs == {"dtype": torch.float16}
    assert asked_by(trainer) == "fp16"


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({}, "fp32"),
        ({"amp": True}, "fp16"),
        ({"amp": True, "amp_kwargs": {"dtype": torch.bfloat16}}, "bf16"),
        ({"amp": False, "amp_kwargs": {"dtype": torch.bfloat16}}, "fp32"),
    ],
)
def test_what_a_bundle_asks_for(arguments, name):
    assert asked_by(a_trainer(**arguments)) == name
