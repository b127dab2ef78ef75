"""A trace of a few steps."""

import json

import pytest
import torch
from ignite.engine import Engine

from medgantry.errors import InvalidInput
from medgantry.training.handlers.profile import WARM_UP, Profile


def trained(profile, steps, epochs=1):
    network = torch.nn.Linear(8, 8)

    def step(engine, batch):
        with torch.profiler.record_function(f"step {engine.state.iteration}"):
            network(batch).sum().backward()

    engine = Engine(step)
    profile.attach(engine)
    engine.run([torch.ones(2, 8)] * steps, max_epochs=epochs)


@pytest.mark.parametrize(("per_epoch", "epochs"), [(20, 1), (2, 10)])
def test_the_asked_steps_are_recorded_once_and_published(tmp_path, per_epoch, epochs):
    path, published = tmp_path / "trace.json", []
    trained(Profile(4, path, published.append), per_epoch, epochs)
    assert published == [path]
    events = json.loads(path.read_text())["traceEvents"]
    steps = sorted(event["name"] for event in events if event.get("name", "").startswith("step "))
    assert steps == [f"step {WARM_UP + number}" for number in range(1, 5)]
    assert any(event.get("name") == "aten::linear" for event in events)


def test_too_few_steps_are_refused_before_the_training(tmp_path):
    with pytest.raises(InvalidInput, match=rf"profile 4 needs {WARM_UP + 4} steps, the training has 6"):
        trained(Profile(4, tmp_path / "trace.json", print), 6)
    with pytest.raises(InvalidInput, match="at least 1"):
        Profile(0, tmp_path / "trace.json", print)
