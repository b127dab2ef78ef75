"""Sending files to a PACS (C-STORE), with a verdict for each."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.presentation import build_context

from medgantry.dicom.header import read_header
from medgantry.dicom.network.dimse import Peer, associate
from medgantry.dicom.network.dimse_contexts import MAX_CONTEXTS
from medgantry.dicom.network.sent import DUPLICATE, Sent
from medgantry.ledger import Unusable

_WARNINGS = (0xB000, 0xB006, 0xB007)
_PER_ASSOCIATION = 500
Pair = tuple[str, str]
"""SOP class and transfer syntax."""


def store_files(peer: Peer, paths: Sequence[Path]) -> Iterator[Sent]:
    """Send files in the encoding they have, and say of each what the PACS did with it.

    Uncompressed ones are spelled anew (explicit as implicit) for a PACS that takes nothing else; pixels are never
    compressed or decompressed.

    Raises:
        InvalidInput: If the peer does not want us, or none of these objects.
        SourceUnavailable: If it does not answer, or stops in mid-transfer; verdicts given before hold.
    """
    batch: list[Path] = []
    pairs: dict[Pair, None] = {}
    for path in paths:
        try:
            header = read_header(path)
        except Unusable as verdict:
            yield Sent(path=path, accepted=False, reason=f"{verdict.rule}: {verdict.evidence}")
            continue
        new = _pairs(header.text("SOPClassUID"), header.transfer_syntax)
        if len(batch) == _PER_ASSOCIATION or len({**pairs, **new}) > MAX_CONTEXTS:
            yield from _send(peer, batch, pairs)
            batch, pairs = [], {}
        batch.append(path)
        pairs |= new
    if batch:
        yield from _send(peer, batch, pairs)


def _pairs(kind: str, encoding: str) -> dict[Pair, None]:
    pairs = {(kind, encoding): None}
    if encoding in (ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian):
        pairs[kind, str(ImplicitVRLittleEndian)] = None
    return pairs


def _send(peer: Peer, batch: Sequence[Path], pairs: dict[Pair, None]) -> Iterator[Sent]:
    with associate(peer, [build_context(kind, [encoding]) for kind, encoding in pairs]) as association:
        for path in batch:
            try:
                status = _store(association, path)
            except RuntimeError:
                raise peer.broken() from None
            if isinstance(status, str):
                yield Sent(path=path, accepted=False, reason=status)
                continue
            code = status.get("Status")
            if code is None:
                raise peer.broken()
            if code == DUPLICATE:
                yield Sent(path=path, accepted=True, reason="the server has it already")
                continue
            accepted = code == 0 or code in _WARNINGS
            reason = "" if code == 0 else f"{'warning' if accepted else 'refused with status'} {code:04X}H"
            yield Sent(path=path, accepted=accepted, reason=reason)


def _store(association: Any, path: Path) -> Any:
    """The peer's status, or why the file could not be sent."""
    try:
        return association.send_c_store(path)  # as it is, in pieces
    except (AttributeError, InvalidDicomError, ValueError):
        pass
    try:
        return association.send_c_store(dcmread(path, force=True))
    except AttributeError:
        return "the file has no meta information that says how it is encoded"
    except ValueError:
        return "the PACS does not take this kind of object in this encoding"
