"""What the reader makes of damaged files, in a process that may crash, hang or run out of memory."""

import multiprocessing
import resource
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from medgantry.dicom.header import read_header
from medgantry.dicom.segmentation import Segmentation
from medgantry.dicom.series import group_series
from medgantry.dicom.structure_set import StructureSet
from medgantry.dicom.volume import Volume, read_volume
from medgantry.ledger import Unusable
from medgantry.phantoms.dicom.series import write_series
from tests.medgantry.dicom.inner_mutations import SERIES
from tests.medgantry.dicom.mutations import Base, Mutation

SECONDS = 10.0
"""Longest time for one series of a few small slices."""
MIB = 256
"""Memory that reading it may take."""
OFF_MM = 0.125
"""How far an accepted volume may lie from the truth: the reader allows for 4 % of a spacing between six slices."""


@dataclass(frozen=True)
class Judgement:
    """`ok`, `rejected`, or what must never be: `different`, `lost`, `crash`, `memory`, `hang`."""

    verdict: str
    evidence: str = ""
    seconds: float = 0.0


def judge_series(base: Base, mutation: Mutation, folder: Path) -> Judgement:
    """Read what became of a series; `ok` is the whole truth without a complaint."""
    files = {**dict(enumerate(base.files)), **mutation.files}
    paths = []
    for index, data in files.items():
        if data is not None:
            paths.append(folder / f"{index}.dcm")
            paths[-1].write_bytes(data)
    volumes, complaints = read_all(paths)
    wrong = [found for found in (_compare(volume, base, bool(complaints)) for volume in volumes) if found]
    if wrong:
        return Judgement("different", "; ".join(wrong))
    if any(isinstance(complaint.__cause__, MemoryError) for complaint in complaints):
        return Judgement("memory", complaints[0].rule)
    if complaints:
        return Judgement("rejected", f"{complaints[0].rule}: {complaints[0].evidence}")
    # Without a complaint all files must be in the one volume, or copies of what is.
    seen = sum(len(volume.slices) for volume in volumes)
    return Judgement("ok") if len(volumes) == 1 and seen == len(base.voxels) else Judgement("lost", str(seen))


def read_all(paths: Sequence[Path]) -> tuple[list[Volume], list[Unusable]]:
    """All that can be read of some files, and all that is said against the rest."""
    headers, volumes, complaints = [], [], []
    for path in paths:
        try:
            headers.append(read_header(path))
        except Unusable as broken:
            complaints.append(broken)
    try:
        all_series = group_series(headers)
    except Unusable as broken:
        return [], [*complaints, broken]
    for series in all_series:
        try:
            for stack in series.stacks():
                try:
                    volumes.append(read_volume(stack, modality=series.modality))
                except Unusable as broken:
                    complaints.append(broken)
        except Unusable as broken:
            complaints.append(broken)
    return volumes, complaints


def judge_object(base: Base, mutation: Mutation, folder: Path) -> Judgement:
    """Paint what became of a segmentation or a structure set."""
    data = mutation.files[0]
    assert data is not None
    path = folder / "object.dcm"
    path.write_bytes(data)
    volume = _source(folder)
    painted = np.zeros(volume.grid.shape, np.uint16)
    try:
        masks = (Segmentation if base.modality == "SEG" else StructureSet)(path)
        assert isinstance(masks.referenced_series, list)
        assert isinstance(masks.referenced_instances, list)
        numbers = [structure.number for structure in masks.structures if structure.number]
        codes = {number: 1 << (number - 1) if number in (1, 2) else 4 for number in numbers}
        masks.paint(codes, volume, painted)
    except Unusable as broken:
        if isinstance(broken.__cause__, MemoryError):
            return Judgement("memory", broken.rule)
        return Judgement("rejected", f"{broken.rule}: {broken.evidence}")
    wrong = int(np.count_nonzero(painted != base.voxels))
    return Judgement("different", f"{wrong} voxels") if wrong else Judgement("ok")


_SOURCES: dict[int, Volume] = {}


def _source(folder: Path) -> Volume:
    """The image that objects were drawn on."""
    if not _SOURCES:
        headers = [read_header(path) for path in write_series(SERIES, folder / "series")]
        _SOURCES[0] = read_volume(group_series(headers)[0].stacks()[0], modality="CT")
    return _SOURCES[0]


def _compare(volume: Volume, base: Base, complained: bool) -> str:
    """What is wrong with an accepted volume; a slice at an end may be lost when something was said."""
    count, lost = len(volume.voxels), len(base.voxels) - len(volume.voxels)
    if volume.voxels.shape[1:] != base.voxels.shape[1:] or not 0 <= lost <= (1 if complained else 0):
        return f"shape {volume.voxels.shape}"
    for first in range(lost + 1):
        ends = [(0, size - 1) for size in volume.voxels.shape]
        corners = np.array([(*corner, 1) for corner in product(*ends)], float)
        truth = corners + np.array([first, 0, 0, 0])
        off = np.linalg.norm((corners @ volume.grid.affine.T - truth @ base.affine.T)[:, :3], axis=1).max()
        voxels = base.voxels[first : first + count]
        scale = max(1.0, float(np.abs(voxels).max()))
        if off <= OFF_MM and np.abs(volume.voxels - voxels).max() <= 1e-5 * scale:
            return ""
    return f"voxels differ by {np.abs(volume.voxels - voxels).max()}, corners by {off:.3f} mm"


Judge = Callable[[Any, Path], Judgement]


def judge_all(judge: Judge, cases: Sequence[Any], folder: Path) -> Iterator[Judgement]:
    """Judge each case, in a process that is replaced when it dies or hangs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    left = list(cases)
    while left:
        mine, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(judge, theirs, folder), daemon=True)
        process.start()
        theirs.close()
        try:
            while left:
                mine.send(left[0])
                found = mine.recv() if mine.poll(SECONDS) else Judgement("hang")
                yield found
                left.pop(0)
                if found.verdict == "hang":
                    break
        except (EOFError, ConnectionError):
            process.join(SECONDS)
            yield Judgement("crash", f"the process ended with {process.exitcode}")
            left.pop(0)
        finally:
            process.kill()
            process.join()
            mine.close()


def _serve(judge: Judge, pipe: Any, folder: Path) -> None:
    warmed = False
    while True:
        try:
            case = pipe.recv()
        except EOFError:
            return
        place = folder / "case"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        started = time.perf_counter()
        try:
            found = judge(case, place)
        except MemoryError as error:
            found = Judgement("memory", _where(error))
        except Exception as error:  # noqa: BLE001 whatever else it is, the reader let it through
            found = Judgement("crash", f"{type(error).__name__}: {error} {_where(error)}")
        pipe.send(Judgement(found.verdict, found.evidence, time.perf_counter() - started))
        if not warmed:  # the libraries are loaded now, and the rest is the reader's own
            used = int(Path("/proc/self/status").read_text().partition("VmData:")[2].split()[0]) << 10
            resource.setrlimit(resource.RLIMIT_DATA, (used + (MIB << 20), used + (MIB << 20)))
            warmed = True


def _where(error: BaseException) -> str:
    trace, places = error.__traceback__, []
    while trace is not None:
        places.append(f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " < ".join(reversed(places[-4:]))
