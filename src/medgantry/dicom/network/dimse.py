"""A PACS by DIMSE: associations, C-ECHO and C-FIND; see `dimse_retrieve` and `dimse_store` for the rest.

Where the PACS wants a user identity, it comes from the environment (the AE titles alone are no secret):

    MEDGANTRY_DIMSE_USERNAME, MEDGANTRY_DIMSE_PASSWORD

DIMSE is not encrypted: neither the images nor this password are, so it belongs into a network that is.
"""

import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import tenacity
from pydicom import Dataset
from pynetdicom import AE, _config, evt
from pynetdicom.pdu_primitives import UserIdentityNegotiation
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind, Verification

from medgantry.dicom.header import value_text
from medgantry.errors import InvalidInput, SourceUnavailable

# Its messages quote data sets and UIDs; whatever goes wrong is said by our own errors.
logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)
_config.LOG_HANDLER_LEVEL = "none"
_config.STORE_SEND_CHUNKED_DATASET = True

PATIENCE_SECONDS = 120.0
"""How long a PACS may be away, or silent within an association, before we give up."""
_SUCCESS, _PENDING = 0x0000, (0xFF00, 0xFF01)
_OUT_OF_RESOURCES = range(0xA700, 0xA800)
_STUDY_KEYS = ("PatientID", "StudyInstanceUID", "StudyDate", "ModalitiesInStudy")
_SERIES_KEYS = ("SeriesInstanceUID", "Modality", "SeriesDate", "SeriesTime", "NumberOfSeriesRelatedInstances")
_NOT_RECOGNISED = {3: "calling AE title", 7: "called AE title"}
_QUICKACK = getattr(socket, "TCP_QUICKACK", socket.TCP_NODELAY)  # Linux forgets it with every exchange
_BY_USER, _BY_PRESENTATION, _TRANSIENT = 1, 3, 2


def _acknowledge_at_once(event: Any) -> None:
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        with suppress(OSError):  # it may just have been closed
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)


HASTE = [(when, _acknowledge_at_once) for when in (evt.EVT_CONN_OPEN, evt.EVT_DATA_SENT)]
"""Handlers of an association: without them each message waits some 40 ms for the other side's small packets."""


class _NotNow(Exception):
    """An association that did not come about and may later."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """The other side, and who we are to it."""

    host: str
    port: int
    called: str
    """AE title of the other side."""
    calling: str = "MEDGANTRY"
    """Our AE title."""
    patience: float = PATIENCE_SECONDS
    """Seconds to go on trying while it does not answer."""

    def __post_init__(self) -> None:
        for title in (self.called, self.calling):
            if not 0 < len(title) <= 16 or not title.isascii() or not title.isprintable() or "\\" in title:
                raise InvalidInput(
                    f"An AE title is 1 to 16 printable ASCII characters, got {title!r}.", "Correct the URI."
                )

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"The PACS {self.called} at {self.host}:{self.port}"

    def broken(self) -> SourceUnavailable:
        """The error for an association that ended before its work was done."""
        return SourceUnavailable(
            f"{self.name} ended the association in mid-transfer, or fell silent.",
            "Check that it runs and is reachable, then run the step again.",
        )


@contextmanager
def associate(
    peer: Peer, contexts: Sequence[Any], *, roles: Sequence[Any] = (), handlers: Sequence[Any] = ()
) -> Iterator[Any]:
    """An established association, released at the end, and aborted where its work was not finished.

    Args:
        peer: With whom.
        contexts: Presentation contexts.
        roles: Role selection items.
        handlers: Pairs of event and handler.

    Raises:
        InvalidInput: If the peer does not want us.
        SourceUnavailable: If it does not answer.
    """
    entity = AE(ae_title=peer.calling)
    entity.connection_timeout = 10
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = max(1.0, peer.patience)
    try:
        association = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_NotNow),
            wait=tenacity.wait_random_exponential(multiplier=0.3, max=10),
            stop=tenacity.stop_before_delay(peer.patience),
            reraise=True,
        )(_request, entity, peer, contexts, [*roles, *_identity()], handlers)
    except _NotNow as error:
        raise SourceUnavailable(
            f"{peer.name} gave no association within {peer.patience:.0f} s: {error}.",
            f"Check host and port, that it runs and is reachable, and that it knows the AE title {peer.calling}.",
        ) from None
    try:
        yield association
    except BaseException:
        if association.is_established:
            association.abort()
        raise
    if association.is_established:
        association.release()


def echo(peer: Peer) -> None:
    """Ask whether anybody is there (C-ECHO).

    Raises:
        InvalidInput: If the peer does not want us.
        SourceUnavailable: If it does not answer.
    """
    with associate(peer, [build_context(Verification)]) as association:
        if association.send_c_echo().get("Status") != _SUCCESS:
            raise peer.broken()


class Finder:
    """Queries over one association (C-FIND, study root); see `finding`."""

    def __init__(self, peer: Peer, association: Any) -> None:
        self._peer, self._association = peer, association

    def studies(self, wanted: Mapping[str, str]) -> list[Dataset]:
        """Studies that match.

        Args:
            wanted: Keyword -> value, with DICOM's wildcards and ranges.

        Raises:
            InvalidInput: If the peer refuses the query.
            SourceUnavailable: If it does not answer, or is overloaded.
        """
        return self._find("STUDY", {**dict.fromkeys(_STUDY_KEYS, ""), **wanted}, "StudyInstanceUID")

    def series(self, study_uid: str, wanted: Mapping[str, str]) -> list[Dataset]:
        """Series of a study that match; see `studies`."""
        keys = {**dict.fromkeys(_SERIES_KEYS, ""), **wanted, "StudyInstanceUID": study_uid}
        return self._find("SERIES", keys, "SeriesInstanceUID")

    def _find(self, level: str, keys: Mapping[str, str], unique: str) -> list[Dataset]:
        query = Dataset()
        query.QueryRetrieveLevel = level
        for keyword, value in keys.items():
            setattr(query, keyword, value or None)
        found: dict[str, Dataset] = {}
        try:
            for answer, result in self._association.send_c_find(
                query, StudyRootQueryRetrieveInformationModelFind
            ):
                status = answer.get("Status")
                if status is None:
                    raise self._peer.broken()
                if status in _PENDING and result is not None:
                    found[value_text(result, unique)] = result
                elif status != _SUCCESS:
                    raise self._refused(status)
        except RuntimeError:  # the association ended between two queries
            raise self._peer.broken() from None
        return [found[uid] for uid in sorted(found)]

    def _refused(self, status: int) -> InvalidInput | SourceUnavailable:
        if status in _OUT_OF_RESOURCES:
            return SourceUnavailable(
                f"{self._peer.name} is out of resources ({status:04X}H).", "Run the step again later."
            )
        return InvalidInput(
            f"{self._peer.name} refused the query ({status:04X}H).",
            f"Narrow the query, and check what the PACS lets {self._peer.calling} find.",
        )


@contextmanager
def finding(peer: Peer) -> Iterator[Finder]:
    """An association for queries.

    Raises:
        InvalidInput: If the peer does not want us, or does not let us query.
        SourceUnavailable: If it does not answer.
    """
    with associate(peer, [build_context(StudyRootQueryRetrieveInformationModelFind)]) as association:
        yield Finder(peer, association)


def _identity() -> list[Any]:
    username = os.environ.get("MEDGANTRY_DIMSE_USERNAME", "")
    if not username:
        return []
    item = UserIdentityNegotiation()
    item.user_identity_type = 2
    item.primary_field = username.encode()
    item.secondary_field = os.environ.get("MEDGANTRY_DIMSE_PASSWORD", "").encode()
    return [item]


def _request(
    entity: Any, peer: Peer, contexts: Sequence[Any], items: Sequence[Any], handlers: Sequence[Any]
) -> Any:
    """One try; the peer's refusals become errors."""
    opened: list[Any] = []
    try:
        association = entity.associate(
            peer.host,
            peer.port,
            contexts=list(contexts),
            ae_title=peer.called,
            max_pdu=0,
            ext_neg=list(items),
            evt_handlers=[*handlers, (evt.EVT_CONN_OPEN, opened.append), *HASTE],
        )
    except OSError as error:
        raise _NotNow(error.strerror or type(error).__name__) from None
    if association.is_established:
        _keep_answers(association)
        return association
    answer = association.acceptor.primitive
    if association.is_rejected:
        raise _rejected(peer, answer)
    if answer is not None and answer.result == 0:
        wanted = ", ".join(dict.fromkeys(context.abstract_syntax.name for context in contexts[:1]))
        raise InvalidInput(
            f"{peer.name} accepts {peer.calling}, but not {wanted}.",
            f"Allow it for the AE title {peer.calling} in the PACS.",
        )
    raise _NotNow("it ended the association at once" if opened else "nothing answers there")


def _keep_answers(association: Any) -> None:
    """Let nobody but the one who asked take an answer.

    pynetdicom's own thread looks for requests of the peer between two of ours. It is stopped too late now and then,
    and then takes an answer off the queue and drops it: a study loses a series, with no error anywhere. As the side
    that asks, we are sent no requests but those that the asking call itself waits for.
    """
    take = association.dimse.get_msg
    association.dimse.get_msg = lambda block=False: take(block) if block else (None, None)


def _rejected(peer: Peer, answer: Any) -> Exception:
    """The error for a rejected association; source and reason are of PS3.8, section 9.3.4."""
    source, reason = answer.result_source, answer.diagnostic
    logged_in = "MEDGANTRY_DIMSE_USERNAME" in os.environ  # some call a refused login transient, too
    if source == _BY_PRESENTATION or (answer.result == _TRANSIENT and not logged_in):
        return _NotNow(f"it rejects associations for the time being ({answer.reason_str})")
    if source == _BY_USER and reason in _NOT_RECOGNISED:
        return InvalidInput(
            f"{peer.name} rejected the association: it does not recognise the {_NOT_RECOGNISED[reason]}.",
            f"Correct the URI: the AE title before @ is the PACS's, calling= is ours; {peer.calling} must be "
            "registered in the PACS.",
        )
    return InvalidInput(
        f"{peer.name} rejected the association ({answer.reason_str}).",
        f"Check the AE titles, that it knows {peer.calling} at this machine's address, and "
        "MEDGANTRY_DIMSE_USERNAME with MEDGANTRY_DIMSE_PASSWORD if it wants a login.",
    )
