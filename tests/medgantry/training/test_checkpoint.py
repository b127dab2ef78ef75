"""Checkpoints: what is saved comes back, and what kills leave behind can be resumed."""

import math
import multiprocessing
import random
import time
from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from safetensors import safe_open

from medgantry.errors import InvalidBundle, Superseded
from medgantry.storage import ObjectStore
from medgantry.training.checkpoint import Checkpoints, restore_trainer, trainer_state

SCHEDULERS = [
    ("PolynomialLR", {"total_iters": 5}),
    ("MultiStepLR", {"milestones": [2, 2, 4]}),
    ("OneCycleLR", {"max_lr": 0.1, "total_steps": 9}),
    ("ReduceLROnPlateau", {}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1}),
]


def make(optimizer, scheduler="", options=None):
    """A trainer as far as its state goes."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.PReLU())
    made = getattr(torch.optim, optimizer)(network.parameters(), lr=0.01)
    planned = getattr(torch.optim.lr_scheduler, scheduler)(made, **options) if scheduler else None
    trainer = SimpleNamespace(
        optimizer=made, scaler=None, state=SimpleNamespace(epoch=0, iteration=0, epoch_length=4)
    )
    return trainer, network, planned


def step(trainer, network, scheduler, steps):
    for number in range(steps):
        trainer.optimizer.zero_grad()
        images = torch.randn(2, 1, 6, 6, generator=torch.Generator().manual_seed(number))
        network(images).square().mean().backward()
        trainer.optimizer.step()
        if scheduler is not None:
            plateau = isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
            scheduler.step(1.0) if plateau else scheduler.step()


@pytest.mark.parametrize("optimizer", ["Adam", "AdamW", "SGD", "RMSprop", "NAdam", "Adagrad", "Adamax"])
def test_every_optimizer_goes_on_as_if_nothing_had_happened(store, optimizer):
    one = make(optimizer)
    step(*one, 3)
    Checkpoints(store, "job").save(0, trainer_state(*one), 3)
    step(*one, 2)
    other = make(optimizer)
    restore_trainer(*other, Checkpoints(store, "job").resume())
    assert other[0].state.iteration == 3
    step(*other, 2)
    for name, value in one[1].state_dict().items():
        assert torch.equal(value, other[1].state_dict()[name]), name


@pytest.mark.parametrize(("scheduler", "options"), SCHEDULERS)
def test_every_scheduler_goes_on_as_if_nothing_had_happened(store, scheduler, options):
    one = make("SGD", scheduler, options)
    step(*one, 3)
    Checkpoints(store, "job").save(0, trainer_state(*one))
    other = make("SGD", scheduler, options)
    restore_trainer(*other, Checkpoints(store, "job").resume())
    for _ in range(4):
        step(*one, 1)
        step(*other, 1)
        assert one[0].optimizer.param_groups[0]["lr"] == other[0].optimizer.param_groups[0]["lr"]


def test_types_and_keys_come_back(store):
    state = {
        "numbers": {1: True, 2.5: None, "three": -0.0},
        "nested": [(1, [2, (3,)]), {}, ()],
        "limits": [math.inf, -math.inf],
        "counter": Counter({4: 2}),
        "like a mark": {"tensor": "000000", "float": "nan"},
        "tensors": {"a": torch.arange(6).reshape(2, 3).T, "b": torch.tensor(1.5, dtype=torch.bfloat16)},
        "text": "mel $x$ Ü",
    }
    Checkpoints(store, "job").save(3, state, 17)
    found = Checkpoints(store, "job").resume()
    tensors, wanted = found.pop("tensors"), state.pop("tensors")
    assert found == {**state, "epoch": 3, "step": 17}
    assert isinstance(found["nested"][0], tuple)
    assert isinstance(found["counter"], Counter)
    assert all(torch.equal(tensors[name], wanted[name]) for name in wanted)
    assert tensors["b"].dtype == torch.bfloat16


def test_what_would_need_pickle_is_refused_by_its_place(store):
    with pytest.raises(InvalidBundle, match=r"state\.scheduler\.fn\.1 is a function"):
        Checkpoints(store, "job").save(1, {"scheduler": {"fn": [1, lambda: 0]}})
    assert not list(store.list("job/epoch-"))


def test_the_pointer_is_of_the_newest_attempt(store):
    first = Checkpoints(store, "job")
    assert first.resume() is None
    first.save(1, {"who": "first"})
    second = Checkpoints(store, "job")
    assert second.resume() == {"who": "first", "epoch": 1, "step": 0}
    with pytest.raises(Superseded):
        first.save(2, {"who": "first"})
    second.save(1, {"who": "second"}, 5)
    assert Checkpoints(store, "job").resume() == {"who": "second", "epoch": 1, "step": 5}


def test_two_states_are_kept(store):
    checkpoints = Checkpoints(store, "job")
    checkpoints.resume()
    for epoch, at in ((0, 2), (0, 4), (1, 0), (2, 0), (2, 3)):
        checkpoints.save(epoch, {}, at)
    names = sorted(item.key.rsplit("/", 1)[-1][:19] for item in store.list("job/epoch-"))
    assert names == ["epoch-00002-0000000", "epoch-00002-0000003"]


def test_a_file_is_safetensors_alone(store, tmp_path):
    Checkpoints(store, "job").save(1, {"weights": torch.ones(3)})
    (item,) = store.list("job/epoch-")
    store.download(item.key, tmp_path / "state.safetensors")
    with safe_open(tmp_path / "state.safetensors", framework="np") as file:
        assert list(file.metadata()) == ["state"]
        assert file.get_tensor("000000").tolist() == [1, 1, 1]


def save_until_killed(prefix, ready):
    """States whose tensors all say which state they are of, 2 MiB each."""
    torch.set_num_threads(1)  # threads do not survive a fork
    checkpoints = Checkpoints(ObjectStore.from_environment(), prefix)
    state = checkpoints.resume()
    number = state["number"] if state else 0
    ready.set()
    while True:
        number += 1
        tensors = [torch.full((1 << 18,), float(number)) for _ in range(2)]
        epoch, at = divmod(number, 4)
        checkpoints.save(epoch, {"number": number, "tensors": tensors}, at)


def test_a_kill_at_any_moment_leaves_a_whole_state(store):
    """kill -9 in the middle of uploads: what the pointer names is complete, and never older than it was."""
    context, rng, reached = multiprocessing.get_context("fork"), random.Random(4), []
    began = time.monotonic()
    Checkpoints(store, "timed").save(1, {"tensors": [torch.ones(1 << 18), torch.ones(1 << 18)]})
    takes = time.monotonic() - began
    for _ in range(10):
        ready = context.Event()
        process = context.Process(target=save_until_killed, args=("job", ready), daemon=True)
        process.start()
        assert ready.wait(60)
        time.sleep(rng.uniform(0, 3 * takes))
        process.kill()
        process.join()
        state = Checkpoints(store, "job").resume()
        number = state["number"] if state else 0
        assert number >= (reached[-1] if reached else 0)
        if state:
            assert (state["epoch"], state["step"]) == divmod(number, 4)
            assert all((tensor == number).all() for tensor in state["tensors"])
            assert [len(tensor) for tensor in state["tensors"]] == [1 << 18] * 2
        reached.append(number)
    assert reached[-1] >= 3
