"""What the step's log says, and what the step record makes of it."""

import re

from ignite.engine import Events

from medgantry.steps import StepRecord
from medgantry.training.handlers.progress import Progress
from medgantry.training.launchers.progress import relay


def test_an_epoch_is_a_line_for_people_and_one_for_the_record(tiny, capsys):
    training, points = tiny(epochs=2), [{"epoch": 0, "dice": 0.75}]
    progress = Progress("dice", ranks=2)
    progress.attach(training.trainer)

    def end(engine):
        points.append({"epoch": engine.state.epoch, "train_loss": 0.51239, "dice": 0.6})
        progress.update(points)

    training.trainer.add_event_handler(Events.EPOCH_COMPLETED, end)
    training.trainer.run()
    record, said = StepRecord(step="train"), []
    tell, seen = relay(record, said.append), []
    for line in capsys.readouterr().out.splitlines():
        tell(line)
        seen.append(record.progress)
    wanted = r"Epoch {} of 2: loss 0.5124, dice 0.6000 \(best 0.7500 in epoch 0\), [\d.e+]+ samples/s, 0:00:0\d left"
    assert len(said) == 2
    assert all(re.fullmatch(wanted.format(epoch), line) for epoch, line in zip((1, 2), said, strict=True))
    assert {"done": 1.0, "total": 2, "unit": "epochs"} in seen
    assert seen[-1] == {"done": 2.0, "total": 2, "unit": "epochs"}


def test_a_long_epoch_moves_too(tiny, capsys, monkeypatch):
    monkeypatch.setattr("medgantry.training.handlers.progress._SECONDS_BETWEEN_LINES", -1.0)
    training = tiny(epochs=1)
    Progress("dice", ranks=1).attach(training.trainer)
    training.trainer.run()
    record = StepRecord(step="train")
    tell, seen = relay(record, print), []
    for line in capsys.readouterr().out.splitlines():
        tell(line)
        seen.append(record.progress["done"])
    assert seen == [0.17, 0.33, 0.5, 0.67, 0.83, 1.0]


def test_samples_count_those_of_all_ranks(tiny, capsys, monkeypatch):
    clock = iter(float(second) for second in range(100))
    monkeypatch.setattr("medgantry.training.handlers.progress.time.monotonic", lambda: next(clock))
    training = tiny(epochs=1)
    progress = Progress("dice", ranks=3)
    progress.attach(training.trainer)
    training.trainer.run()
    progress.update([{"epoch": 1}])
    # 6 steps of 2 samples on 3 ranks; began at second 1, the last step ended at second 7.
    assert "Epoch 1 of 1: 6 samples/s, 0:00:00 left" in capsys.readouterr().out
