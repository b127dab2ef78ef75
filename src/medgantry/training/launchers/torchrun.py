"""Workers as processes of this machine, through torchrun."""

import json
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from medgantry.processes import die_with_parent
from medgantry.steps import StepRecord
from medgantry.training.job import Job
from medgantry.training.launchers.progress import TrainingFailed, relay

STOPPED = 143
"""Exit status of a process that ended because of SIGTERM."""


def launch_torchrun(job: Job, record: StepRecord) -> None:
    """Run the job's ranks here until they end.

    Raises:
        TrainingFailed: With the error of the worker that failed first.
        SystemExit: With 143, after the workers wrote a checkpoint, when this process was told to stop.
    """
    with TemporaryDirectory(prefix="medgantry-torchrun-") as name:
        error_file = Path(name) / "error.json"
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(job.threads),
            "OMP_WAIT_POLICY": "PASSIVE",  # spinning threads starve the others on few cores
            "TORCHELASTIC_ERROR_FILE": str(error_file),
            "PYTHONUNBUFFERED": "1",
            "TORCH_CPP_LOG_LEVEL": "ERROR",
        }
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--max-restarts=0"]
        command += [f"--nproc-per-node={job.ranks}", "-m", "medgantry.training.worker", job.key]
        with (
            subprocess.Popen(
                command,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 two system calls, no locks taken
            ) as agent,
            _passing_on_the_wish_to_stop(agent) as told,
        ):
            tail = _follow(agent, record)
        if told and agent.returncode:
            print("Told to stop: the last checkpoint is kept, the same command goes on from it.", flush=True)
            raise SystemExit(STOPPED)
        if agent.returncode:
            raise _failure(error_file, tail, agent.returncode)


@contextmanager
def _passing_on_the_wish_to_stop(agent: "subprocess.Popen[str]") -> Iterator[list[int]]:
    """SIGTERM goes on to torchrun, and so to the workers; gives the signals that came."""
    told: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        told.append(number)
        agent.terminate()

    former = signal.signal(signal.SIGTERM, pass_on)
    try:
        yield told
    finally:
        signal.signal(signal.SIGTERM, former)


def _follow(agent: "subprocess.Popen[str]", record: StepRecord) -> list[str]:
    tail: deque[str] = deque(maxlen=40)
    assert agent.stdout is not None

    def say(line: str) -> None:
        tail.append(line)
        sys.stdout.write(line)

    tell = relay(record, say)
    for line in agent.stdout:
        tell(line)
    return list(tail)


def _failure(error_file: Path, tail: list[str], code: int) -> TrainingFailed:
    if error_file.is_file():
        message = json.loads(error_file.read_text())["message"]
        text = message["message"] if isinstance(message, dict) else str(message)
        return TrainingFailed(text)
    return TrainingFailed(f"torchrun ended with {code}: {''.join(tail)[-2000:]}", "Look at the step's log.")
