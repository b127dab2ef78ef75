"""Running one piece of work in a process of its own: a decoder that crashes takes nothing else with it.

The process dies alone, and whoever started it knows which work it was. Its result is a file, complete or not there.
"""

import json
import multiprocessing
import os
import resource
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, TypeVar

from medgantry import errors
from medgantry.processes import die_with_parent

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_WORKERS = 4
"""Processes at once; each holds the volumes of its item in memory."""

_CONTEXT = multiprocessing.get_context("forkserver")


class Crashed(Exception):
    """The process ended without a result; the reason in words."""


def run_each(
    items: Sequence[Item],
    work: Callable[[Item, int], Result],
    give_up: Callable[[Item, Crashed], Result],
    *,
    preload: str,
) -> Iterator[tuple[Item, Result]]:
    """Work through items a few at a time; one that kills its process is tried once more when no other runs.

    Args:
        items: What there is to do.
        work: Does one by `run_alone` with the MiB of memory that it is given.
        give_up: The result of an item whose process died alone too.
        preload: A module that is loaded once, in the server that all processes are forked from.

    Yields:
        Items with their results, as they are done.
    """
    if not items:
        return
    _CONTEXT.set_forkserver_preload([preload])
    workers = min(MAX_WORKERS, len(os.sched_getaffinity(0)), len(items))
    crashed = []
    with ThreadPoolExecutor(workers) as pool:
        jobs = {pool.submit(work, item, memory_mib() // workers): item for item in items}
        try:
            for job in as_completed(jobs):
                try:
                    yield jobs[job], job.result()
                except Crashed:
                    crashed.append(jobs[job])
        except BaseException:  # a source or the store went away: what waits must not begin
            pool.shutdown(cancel_futures=True)
            raise
    for item in crashed:
        try:
            yield item, work(item, memory_mib())
        except Crashed as reason:
            yield item, give_up(item, reason)


def run_alone(
    work: Callable[..., Any], arguments: tuple[Any, ...], result: Path, *, seconds: float, mib: int
) -> Any:
    """Call a function in a new process and give back what it returned.

    Args:
        work: An importable function; what it returns must be JSON-ready.
        arguments: Its arguments.
        result: A file for the result; its folder exists.
        seconds: How long it may take.
        mib: How much memory it may take.

    Raises:
        Crashed: If the process died, ran out of memory or took too long.
        MedgantryError: What the function raised, of the same class.
    """
    process = _CONTEXT.Process(target=_run, args=(work, arguments, result, mib, dict(os.environ)))
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
        raise Crashed(f"no result after {seconds:.0f} s")
    if not result.exists():
        code = process.exitcode or 0
        raise Crashed(f"killed by signal {-code}" if code < 0 else f"ended with status {code}")
    document = json.loads(result.read_text())
    if "crash" in document:
        raise Crashed(document["crash"])
    if "error" in document:
        kind = getattr(errors, document["error"], errors.InvalidInput)
        raise kind(document["message"], document["remedy"])
    return document["value"]


def _run(
    work: Callable[..., Any], arguments: tuple[Any, ...], result: Path, mib: int, environment: dict[str, str]
) -> None:
    die_with_parent()
    os.environ.update(environment)  # the server that forks has that of when it began
    limit = mib << 20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        document = {"value": work(*arguments)}
    except errors.MedgantryError as error:
        document = {"error": type(error).__name__, "message": error.message, "remedy": error.remedy}
    except MemoryError:
        document = {"crash": f"needs more than {mib} MiB of memory"}
    except Exception as error:  # noqa: BLE001 what a damaged study makes a library raise is a verdict about the study
        document = {"crash": f"{type(error).__name__} {where_of(error)}"}
    beside = result.with_suffix(".writing")
    beside.write_text(json.dumps(document))
    os.replace(beside, result)


def where_of(error: BaseException) -> str:
    """File and line of an error; never its text, which may hold a header's values."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""


def memory_mib() -> int:
    """Memory that this container may use, or the machine has."""
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        path = Path(name)
        if path.exists() and (text := path.read_text().strip()).isdigit() and int(text) < 1 << 50:
            return int(text) >> 20
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
