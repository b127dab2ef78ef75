"""Multipart bodies (RFC 2046) of DICOM files: read piece by piece as they arrive, and written from files."""

from collections.abc import Iterable, Iterator, Sequence
from email.message import Message
from pathlib import Path
from uuid import uuid4

from medgantry.dicom.network.http import Interrupted

_LONGEST_HEADER_BYTES = 64 << 10
_CHUNK_BYTES = 256 << 10


def boundary_of(content_type: str) -> str:
    """The boundary that a Content-Type header names; empty when it is no multipart type."""
    message = Message()
    message["Content-Type"] = content_type
    return str(message.get_param("boundary", "")) if message.get_content_maintype() == "multipart" else ""


def read_parts(chunks: Iterable[bytes], boundary: str) -> Iterator[Iterator[bytes]]:
    """The parts of a body, each as its pieces, which never add up to more than a chunk in memory.

    Args:
        chunks: The body.
        boundary: What stands between the parts.

    Raises:
        Interrupted: If the body ends before its closing delimiter: what came of the last part is not whole.
    """
    delimiter = b"\r\n--" + boundary.encode()
    buffer = _Buffer(chunks)
    for _ in buffer.until(delimiter):  # a preamble, which nobody sends
        pass
    while not buffer.starts_with(b"--"):
        buffer.skip_headers()
        pieces = buffer.until(delimiter)
        yield pieces
        for _ in pieces:  # what the caller left
            pass


class _Buffer:
    """What has arrived and is not used yet."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._data = bytearray(b"\r\n")  # so that the first delimiter looks like the others

    def until(self, delimiter: bytes) -> Iterator[bytes]:
        """The pieces up to a delimiter, which is taken away."""
        start = 0
        while True:
            at = self._data.find(delimiter, start)
            end = at + len(delimiter)
            after = bytes(self._data[end : end + 2]) if at >= 0 else b""
            if len(after) == 2 and (after in (b"--", b"\r\n") or after[:1] in (b" ", b"\t")):
                yield bytes(self._data[:at])
                del self._data[:end]
                return
            if len(after) == 2:  # voxels that look like a delimiter
                start = at + 1
                continue
            sure = at if at >= 0 else max(0, len(self._data) - len(delimiter) - 1)
            yield bytes(self._data[:sure])
            del self._data[:sure]
            start = 0
            self._more()

    def skip_headers(self) -> None:
        """Take away the rest of the delimiter's line and the headers."""
        while (at := self._data.find(b"\r\n\r\n")) < 0:
            if len(self._data) > _LONGEST_HEADER_BYTES:
                raise Interrupted("a part has no end of its headers")
            self._more()
        del self._data[: at + 4]

    def starts_with(self, prefix: bytes) -> bool:
        while len(self._data) < len(prefix):
            self._more()
        return self._data.startswith(prefix)

    def _more(self) -> None:
        chunk = next(self._chunks, None)
        if chunk is None:
            raise Interrupted("a transfer ended early")
        self._data += chunk


class FileParts:
    """A multipart body of DICOM files, read from disk while it is sent; it can be sent again.

    Args:
        paths: The files.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._boundary = uuid4().hex
        self._head = f"\r\n--{self._boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        self._end = f"\r\n--{self._boundary}--\r\n".encode()

    @property
    def headers(self) -> dict[str, str]:
        """Content-Type and Content-Length."""
        size = sum(len(self._head) + path.stat().st_size for path in self._paths) + len(self._end)
        kind = f'multipart/related; type="application/dicom"; boundary="{self._boundary}"'
        return {"Content-Type": kind, "Content-Length": str(size)}

    def __iter__(self) -> Iterator[bytes]:
        for path in self._paths:
            yield self._head
            with path.open("rb") as stream:
                while piece := stream.read(_CHUNK_BYTES):
                    yield piece
        yield self._end
