"""What our processes share: how many threads they take, and that none outlives the one that started it."""

import ctypes
import os
import signal

THREADS = 2
"""Threads of a rank, of evaluation and of serving: their number changes the last digits of a sum."""
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def die_with_parent() -> None:
    """Ask the kernel to SIGKILL this process when its parent ends (Linux prctl(2)).

    A killed step must leave no trainer behind that goes on writing checkpoints. The signal follows the
    parent *thread*, so call it in a child whose parent thread waits for it.
    """
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # the parent ended between the two calls
        os.kill(os.getpid(), signal.SIGKILL)
