"""Ranks that agree: real gloo groups of two processes."""

import multiprocessing
import os
import signal
import traceback

import pytest
import torch
import torch.distributed as dist
from ignite.engine import Events

from medgantry.training.handlers.agreement import Agreement
from medgantry.training.handlers.early_stopping import EarlyStopping
from medgantry.training.handlers.finite_loss import FiniteLoss, NonFiniteLoss
from medgantry.training.handlers.stop_signal import StopSignal


@pytest.fixture
def on_two_ranks(tmp_path, tiny):
    """Runs a function (rank) on two ranks and returns what both returned."""
    tiny(epochs=1).trainer.run()  # what torch imports on first use, it imports here and not in each process
    context = multiprocessing.get_context("fork")

    def run(work):
        results = context.Queue()

        def begin(rank):
            torch.set_num_threads(1)  # threads do not survive a fork
            try:
                where = f"file://{tmp_path}/rendezvous"
                dist.init_process_group("gloo", init_method=where, rank=rank, world_size=2)
                results.put((rank, work(rank)))
            except BaseException:  # noqa: BLE001 the test shows it
                results.put((rank, traceback.format_exc()))

        processes = [context.Process(target=begin, args=(rank,), daemon=True) for rank in (0, 1)]
        for process in processes:
            process.start()
        try:
            found = dict(results.get(timeout=120) for _ in processes)
        finally:
            for process in processes:
                process.kill()
                process.join()
        return [found[0], found[1]]

    return run


def test_one_rank_agrees_with_itself():
    alone = Agreement()
    assert alone.any(True)
    assert not alone.any(False)
    assert alone.ask_any(True)()
    assert alone.mean([1.0, 2.0]) == [1.0, 2.0]
    assert alone.gather("a") == ["a"]
    assert alone.from_first("a") == "a"


def test_two_ranks_hear_the_same(on_two_ranks):
    def work(rank):
        together = Agreement()
        later = together.ask_any(rank == 1)
        return [
            together.any(False),
            later(),
            together.mean([1.0 + rank, 5.0]),
            together.gather(f"rank {rank}"),
            together.from_first(rank),
        ]

    assert on_two_ranks(work) == [[False, True, [1.5, 5.0], ["rank 0", "rank 1"], 0]] * 2


def test_a_signal_to_one_rank_stops_both_after_the_same_step(on_two_ranks, tiny):
    def work(rank):
        training = tiny(rank=rank)
        with StopSignal(Agreement()) as stop:
            stop.attach(training.trainer)

            def tell(engine):
                if rank == 1 and engine.state.iteration == 8:
                    os.kill(os.getpid(), signal.SIGTERM)

            training.trainer.add_event_handler(Events.ITERATION_STARTED, tell)
            training.trainer.run()
        return training.trainer.state.iteration, stop.requested, stop.agreed

    assert on_two_ranks(work) == [(9, False, True), (9, True, True)]


def test_a_signal_at_the_end_of_an_epoch_stops_both_before_its_validation(on_two_ranks, tiny):
    def work(rank):
        training, validated = tiny(rank=rank), []
        with StopSignal(Agreement()) as stop:
            stop.attach(training.trainer)
            training.trainer.add_event_handler(
                Events.ITERATION_STARTED(once=12), lambda: rank == 0 and os.kill(os.getpid(), signal.SIGINT)
            )
            training.trainer.add_event_handler(
                Events.EPOCH_COMPLETED, lambda e: validated.append(e.state.epoch)
            )
            training.trainer.run()
        return training.trainer.state.iteration, stop.agreed, validated

    assert on_two_ranks(work) == [(12, True, [1])] * 2


def test_nan_on_one_rank_stops_both_with_its_cases(on_two_ranks, tiny):
    def work(rank):
        training = tiny(rank=rank, poisoned=[(1, 4)] if rank == 1 else [(1, 5)])
        FiniteLoss(Agreement(), every=5).attach(training.trainer)
        try:
            training.trainer.run()
        except NonFiniteLoss as error:
            return training.trainer.state.iteration, error.message
        return "no error"

    first, second = on_two_ranks(work)
    assert first == second
    assert first[0] == 5
    assert "epoch 1, step 4" in first[1]
    assert "this step: r1-s4-a, r1-s4-b;" in first[1]


def test_losses_are_means_over_the_ranks(on_two_ranks, tiny):
    def work(rank):
        training = tiny(epochs=1)
        guard = FiniteLoss(Agreement())
        guard.attach(training.trainer)
        guard.resume([float(rank)])
        training.trainer.state.iteration = training.loader.start_step = 1
        training.trainer.run()
        return guard.losses()

    first, second = on_two_ranks(work)
    assert first == second
    assert (first[0], len(first)) == (0.5, 6)


def test_rank_0_decides_when_to_stop_early(on_two_ranks, tiny):
    def work(rank):
        early = EarlyStopping("dice", patience=1, min_delta=0.0, agreement=Agreement())
        early.attach(tiny().trainer)
        return early.update([{"epoch": 0, "dice": 0.5}, {"epoch": 1, "dice": 0.4 + 0.2 * rank}])

    assert on_two_ranks(work) == [True, True]
