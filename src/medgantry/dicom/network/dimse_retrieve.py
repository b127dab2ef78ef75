"""Bringing a series from a PACS: C-GET over our own association, or C-MOVE to a listener of ours."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom import Dataset
from pynetdicom import AE, build_role, evt
from pynetdicom.dsutils import encode_file_meta
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from medgantry.dicom.network.dimse import HASTE, Peer, associate
from medgantry.dicom.network.dimse_contexts import receiving_contexts, retrieval_contexts
from medgantry.dicom.network.incoming import Incoming
from medgantry.errors import InvalidInput, SourceUnavailable
from medgantry.ledger import Unusable

_PENDING = (0xFF00, 0xFF01)
_NO_SUCH_DESTINATION = 0xA801
_OUT_OF_RESOURCES = (0xA700, 0xA701, 0xA702)
_CANNOT_STORE, _NOT_OURS = 0xA700, 0xA900
_listening: dict[int, threading.Lock] = {}
"""One C-MOVE at a time per port."""


def get_series(
    peer: Peer, study_uid: str, series_uid: str, folder: Path, *, modality: str = ""
) -> Iterator[Path]:
    """Bring a series by C-GET, and name each instance when it is complete.

    Args:
        peer: From where.
        study_uid: StudyInstanceUID.
        series_uid: SeriesInstanceUID.
        folder: Where to.
        modality: Of the series: decides which objects may come in any encoding.

    Raises:
        InvalidInput: If the peer does not want us, or does not offer C-GET.
        Unusable: If it cannot send some instances.
        SourceUnavailable: If it does not answer, or stops in mid-transfer.
    """
    receiver = _Receiver(Incoming(folder, series_uid))
    model = StudyRootQueryRetrieveInformationModelGet
    contexts = retrieval_contexts(modality)
    kinds = dict.fromkeys(context.abstract_syntax for context in contexts)
    with associate(
        peer,
        [build_context(model), *contexts],
        roles=[build_role(kind, scp_role=True) for kind in kinds],
        handlers=[(evt.EVT_C_STORE, receiver.store)],
    ) as association:
        _check_offered(peer, association, model, "C-GET", "use retrieve=move")
        answers = association.send_c_get(_identifier(study_uid, series_uid), model)
        yield from _follow(peer, answers, receiver, "")


def move_series(peer: Peer, study_uid: str, series_uid: str, folder: Path, *, listen: int) -> Iterator[Path]:
    """Bring a series by C-MOVE, and name each instance when it is complete.

    Only while this runs do we listen, and only instances of this series are taken.

    Args:
        peer: From where; it must know our AE title with this machine's address and the port.
        study_uid: StudyInstanceUID.
        series_uid: SeriesInstanceUID.
        folder: Where to.
        listen: Port on this machine.

    Raises:
        InvalidInput: If the peer does not want us, or does not know where we are.
        Unusable: If it cannot send some instances.
        SourceUnavailable: If it does not answer, stops in mid-transfer, or the port is taken.
    """
    receiver = _Receiver(Incoming(folder, series_uid))
    model = StudyRootQueryRetrieveInformationModelMove
    hint = f"Register {peer.calling} with this machine's address and port {listen} in the PACS"
    with (
        _listening.setdefault(listen, threading.Lock()),
        _listener(peer, listen, receiver),
        associate(peer, [build_context(model)]) as main,
    ):
        answers = main.send_c_move(_identifier(study_uid, series_uid), peer.calling, model)
        yield from _follow(peer, answers, receiver, hint)


class _Receiver:
    """Takes what the peer stores."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._arrived: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self.failure: Exception | None = None
        self.connections: list[Any] = []

    def store(self, event: Any) -> int:
        """Write an instance with the encoding and the meta information of its context; the answer's status."""
        meta = b"\0" * 128 + b"DICM" + encode_file_meta(event.file_meta)
        try:
            path = self._incoming.write((meta, event.request.DataSet.getbuffer()))
        except Unusable as error:
            self.failure = self.failure or error
            return _NOT_OURS
        except OSError as error:  # the disk is full: the handler's caller would swallow it
            self.failure = self.failure or error
            return _CANNOT_STORE
        if path is not None:
            self._arrived.put(path)
        return 0

    def arrived(self) -> Iterator[Path]:
        """What has come since the last call."""
        while True:
            try:
                yield self._arrived.get_nowait()
            except queue.Empty:
                return


def _identifier(study_uid: str, series_uid: str) -> Dataset:
    query = Dataset()
    query.QueryRetrieveLevel = "SERIES"
    query.StudyInstanceUID = study_uid
    query.SeriesInstanceUID = series_uid
    return query


def _check_offered(peer: Peer, association: Any, model: str, name: str, remedy: str) -> None:
    if not any(context.abstract_syntax == model for context in association.accepted_contexts):
        raise InvalidInput(
            f"{peer.name} does not offer {name} to {peer.calling}.", f"Allow it in the PACS, or {remedy}."
        )


@contextmanager
def _listener(peer: Peer, port: int, receiver: _Receiver) -> Iterator[None]:
    entity = AE(ae_title=peer.calling)
    entity.require_called_aet = True
    entity.supported_contexts = [*receiving_contexts(), build_context(Verification)]
    entity.network_timeout = entity.dimse_timeout = max(1.0, peer.patience)
    noted = (evt.EVT_CONN_OPEN, receiver.connections.append)
    handlers = [(evt.EVT_C_STORE, receiver.store), noted, *HASTE]
    try:
        server = entity.start_server(("", port), block=False, evt_handlers=handlers)
    except OSError as error:
        raise SourceUnavailable(
            f"Port {port} of this machine cannot be listened on: {error.strerror}.",
            "Free it, or name another with listen=, which the PACS must know.",
        ) from error
    try:
        yield
    finally:
        server.shutdown()


def _follow(peer: Peer, answers: Iterator[Any], receiver: _Receiver, hint: str) -> Iterator[Path]:
    """Name what arrives while the peer reports its progress, and judge its last report."""
    last = Dataset()
    for answer, _ in answers:
        last = answer
        yield from receiver.arrived()
    yield from receiver.arrived()
    if isinstance(receiver.failure, OSError):
        raise receiver.failure
    status = last.get("Status")
    if status is None or status in _PENDING:
        raise peer.broken()
    if receiver.failure:
        raise receiver.failure
    if status == _NO_SUCH_DESTINATION:
        raise InvalidInput(
            f"{peer.name} does not know the AE title {peer.calling} as a destination.", f"{hint}."
        )
    failed = last.get("NumberOfFailedSuboperations") or 0
    completed = last.get("NumberOfCompletedSuboperations") or 0
    if status in _OUT_OF_RESOURCES and not completed:
        raise SourceUnavailable(
            f"{peer.name} could not start sending ({status:04X}H).",
            f"{hint or 'Look at its log'}, then run the step again.",
        )
    if failed or status != 0:
        silent = "; nothing connected to us" if hint and not receiver.connections else ""
        raise Unusable(
            "the PACS can send every instance of a series",
            f"{failed} failed, {completed} came (status {status:04X}H{silent})",
            f"{hint or 'Look at its log'}; objects or encodings that were not agreed on also fail.",
        )
