"""Multipart bodies are taken apart as they arrive, wherever the network cuts them."""

from itertools import islice
from pathlib import Path

import pytest

from medgantry.dicom.network.http import Interrupted
from medgantry.dicom.network.multipart import FileParts, boundary_of, read_parts

PARTS = [b"voxels", b"", b"\r\n--edge and more\r\n--edgeless\r\n", b"--edge\r\n\r\n", bytes(range(256)) * 3]
HEAD = b"Content-Type: application/dicom\r\nContent-Length: 1\r\n"


def encode(parts: list[bytes], head: bytes = HEAD, preamble: bytes = b"") -> bytes:
    body = b"".join(b"\r\n--EDGE\r\n" + head + b"\r\n" + part for part in parts)
    return preamble + (body if preamble else body[2:]) + b"\r\n--EDGE--\r\n"


def decode(body: bytes, size: int) -> list[bytes]:
    chunks = (body[start : start + size] for start in range(0, len(body), size))
    return [b"".join(pieces) for pieces in read_parts(chunks, "EDGE")]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10**6])
def test_parts_survive_any_cut_of_the_network(size: int) -> None:
    parts = [part.replace(b"edge", b"EDGe") for part in PARTS] + [
        b"\r\n--EDGELESS\r\n--EDG",
        b"\r\n--EDG",
        b"\r",
    ]
    assert decode(encode(parts), size) == parts
    assert decode(encode(parts, head=b""), size) == parts
    assert decode(encode(parts, preamble=b"for old readers"), size) == parts


@pytest.mark.parametrize("size", [1, 50])
def test_a_body_without_its_end_is_not_taken_for_whole(size: int) -> None:
    body = encode(PARTS)
    for end in range(len(body) - len("\r\n") - 1):
        with pytest.raises(Interrupted, match="early"):
            decode(body[:end], size)


def test_a_part_that_nobody_wants_is_passed_over() -> None:
    parts = read_parts([encode([b"a" * 1000, b"b"])], "EDGE")
    next(parts)
    assert b"".join(next(parts)) == b"b"


def test_a_large_part_is_never_held_as_a_whole() -> None:
    def chunks():
        yield b"--EDGE\r\n\r\n"
        while True:
            yield b"v" * 1000

    (pieces,) = islice(read_parts(chunks(), "EDGE"), 1)
    assert max(len(piece) for piece in islice(pieces, 1000)) <= 1010


def test_headers_without_an_end_are_refused() -> None:
    with pytest.raises(Interrupted, match="headers"):
        decode(b"--EDGE\r\n" + b"x" * 100_000, 1000)


def test_the_boundary_is_what_the_type_names() -> None:
    assert boundary_of('multipart/related; type="application/dicom"; boundary="a b; c"') == "a b; c"
    assert boundary_of("Multipart/Related;boundary=abc;type=application/dicom") == "abc"
    assert boundary_of("text/html; boundary=abc") == ""


def test_files_make_a_body_that_can_be_sent_twice(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_bytes(path.name.encode() * 400_000)
    parts = FileParts(paths)
    body = b"".join(parts)
    assert body == b"".join(parts)
    assert parts.headers["Content-Length"] == str(len(body))
    boundary = boundary_of(parts.headers["Content-Type"])
    assert [b"".join(part) for part in read_parts([body], boundary)] == [path.read_bytes() for path in paths]
