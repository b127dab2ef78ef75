import hashlib
import http.client
import multiprocessing
import os
import random
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from minio.credentials import Credentials

from medgantry.errors import InvalidInput, ObjectMissing, PreconditionFailed, StoreUnavailable
from medgantry.storage import ObjectStore, fetch_folder, folder_exists, publish_folder
from medgantry.storage import store as store_module
from pipelines.runners.stack import Stack
from tests.http_double import HttpDouble, Reply


def test_what_was_put_is_read(store: ObjectStore) -> None:
    etag = store.put_bytes("a/b", b"0123456789")
    assert store.get_bytes("a/b") == b"0123456789"
    found = store.stat("a/b")
    assert (found.key, found.size, found.etag) == ("a/b", 10, etag)
    assert store.uri("a/b") == f"s3://medgantry/{store.prefix}/a/b"


@pytest.mark.parametrize(
    ("offset", "length", "wanted"), [(0, 3, b"012"), (4, 2, b"45"), (7, 0, b"789"), (8, 100, b"89")]
)
def test_a_range_is_read(store: ObjectStore, offset: int, length: int, wanted: bytes) -> None:
    store.put_bytes("range", b"0123456789")
    assert store.get_bytes("range", offset=offset, length=length) == wanted


def test_an_empty_object(store: ObjectStore, tmp_path: Path) -> None:
    store.put_bytes("empty", b"")
    assert store.get_bytes("empty") == b""
    assert store.download("empty", tmp_path / "empty") == hashlib.sha256(b"").hexdigest()
    assert (tmp_path / "empty").read_bytes() == b""


def test_if_absent_keeps_the_first_content(store: ObjectStore, tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.write_bytes(b"second")
    store.put_bytes("once", b"first", if_absent=True)
    with pytest.raises(PreconditionFailed):
        store.put_bytes("once", b"second", if_absent=True)
    with pytest.raises(PreconditionFailed):
        store.put_file("once", second, if_absent=True)
    # Neither does our own content count as written by us when the first attempt is refused.
    with pytest.raises(PreconditionFailed):
        store.put_bytes("once", b"first", if_absent=True)
    assert store.get_bytes("once") == b"first"


def test_if_match_writes_over_what_was_seen_only(store: ObjectStore) -> None:
    first = store.put_bytes("state", b"1")
    second = store.put_bytes("state", b"2", if_match=first)
    assert second == store.stat("state").etag != first
    with pytest.raises(PreconditionFailed):
        store.put_bytes("state", b"3", if_match=first)
    assert store.get_bytes("state") == b"2"


def test_a_missing_object_is_told_apart(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(ObjectMissing, match="nothing/here"):
        store.get_bytes("nothing/here")
    with pytest.raises(ObjectMissing):
        store.stat("nothing/here")
    with pytest.raises(ObjectMissing):
        store.download("nothing/here", tmp_path / "file")
    assert not list(tmp_path.iterdir())
    assert not store.exists("nothing/here")


def test_a_large_object_downloads_equal(store: ObjectStore, tmp_path: Path) -> None:
    content = random.Random(0).randbytes((20 << 20) + 7)
    (tmp_path / "source").write_bytes(content)
    store.put_file("large", tmp_path / "source")
    digest = store.download("large", tmp_path / "deep/er/target")
    assert digest == hashlib.sha256(content).hexdigest()
    assert (tmp_path / "deep/er/target").read_bytes() == content
    assert [path.name for path in (tmp_path / "deep/er").iterdir()] == ["target"]


def test_a_file_sent_in_parts_is_equal(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "SINGLE_PUT_BYTES", 1 << 20)
    content = random.Random(1).randbytes(12 << 20)
    (tmp_path / "source").write_bytes(content)
    store.put_file("parts", tmp_path / "source")
    assert store.get_bytes("parts") == content


def _put_and_die(key: str, data: bytes) -> None:
    """Be killed once the request's first part, its headers, is sent."""
    send = http.client.HTTPConnection.send

    def last(connection: http.client.HTTPConnection, part: Any) -> None:
        send(connection, part)
        os._exit(9)

    http.client.HTTPConnection.send = last  # type: ignore[method-assign, assignment]
    ObjectStore.from_environment().put_bytes(key, data)


def test_what_a_killed_client_began_to_send_is_no_object(store: ObjectStore) -> None:
    store.put_bytes("pointer", b"whole")
    for key in ("pointer", "new"):
        process = multiprocessing.get_context("fork").Process(target=_put_and_die, args=(key, b"next"))
        process.start()
        process.join()
        assert process.exitcode == 9
    time.sleep(0.5)  # the server may take a moment to see that nobody is there
    assert store.get_bytes("pointer") == b"whole"
    assert not store.exists("new")


def test_listing_is_relative_sorted_and_deep(store: ObjectStore) -> None:
    for key in ("x/2", "x/1", "x/deep/er/3", "y/1"):
        store.put_bytes(key, key.encode())
    listed = list(store.list("x/"))
    assert [item.key for item in listed] == ["x/1", "x/2", "x/deep/er/3"]
    assert [item.size for item in listed] == [3, 3, 11]
    assert listed[0].etag.strip('"') == store.stat("x/1").etag.strip('"')
    assert list(store.list("z/")) == []


def test_delete_twice(store: ObjectStore) -> None:
    store.put_bytes("gone", b"x")
    store.delete("gone")
    store.delete("gone")
    assert not store.exists("gone")


@pytest.mark.parametrize("key", ["with space/a b.txt", "ünï/Größe 日本.bin", "a+b=c&d/~(1)'%20#?.txt"])
def test_any_key_travels(store: ObjectStore, tmp_path: Path, key: str) -> None:
    store.put_bytes(key, b"content", if_absent=True)
    assert store.get_bytes(key) == b"content"
    assert [item.key for item in store.list("")] == [key]
    store.download(key, tmp_path / "file")
    store.delete(key)
    assert not store.exists(key)


def test_a_wrong_secret_is_refused_at_once(stack: Stack) -> None:
    environment = stack.environment
    stranger = ObjectStore(
        endpoint=environment["MEDGANTRY_S3_ENDPOINT"],
        bucket="medgantry",
        tls=False,
        credentials=Credentials(environment["AWS_ACCESS_KEY_ID"], "not the secret"),
    )
    began = time.monotonic()
    with pytest.raises(InvalidInput, match="redentials"):
        stranger.put_bytes("x", b"x")
    with pytest.raises(InvalidInput, match="redentials"):
        stranger.get_bytes("x")
    assert time.monotonic() - began < 5


def test_a_store_that_is_away_is_waited_for_then_named() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    store = ObjectStore(
        endpoint=f"127.0.0.1:{port}",
        bucket="bucket",
        tls=False,
        credentials=Credentials("key", "secret"),
        patience=1.0,
    )
    for operation in (lambda: store.get_bytes("x"), lambda: store.put_bytes("x", b"x")):
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{port}"):
            operation()
        assert 0.5 < time.monotonic() - began < 30


def test_a_gateway_that_answers_in_the_stores_place_is_no_store() -> None:
    page = {"headers": {"Content-Type": "text/html"}, "body": b"<html>Sorry.</html>"}
    statuses = [503]
    with HttpDouble(lambda _: Reply(status=statuses[0], **page)) as double:  # type: ignore[arg-type]
        store = ObjectStore(
            endpoint=double.url.removeprefix("http://"), bucket="bucket", tls=False, patience=0.5
        )
        operations: list[Callable[[], object]] = [
            lambda: store.stat("x"),
            lambda: store.get_bytes("x"),
            lambda: store.put_bytes("x", b"x"),
        ]
        for operation in operations:
            with pytest.raises(StoreUnavailable, match="Check that it runs"):
                operation()
        assert len(double.requests) > len(operations), "it was tried again"
        statuses[0] = 404
        with pytest.raises(InvalidInput, match="as an S3 server does"):
            store.get_bytes("x")


def test_a_missing_variable_is_named(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDGANTRY_S3_ENDPOINT")
    with pytest.raises(InvalidInput, match="MEDGANTRY_S3_ENDPOINT"):
        ObjectStore.from_environment()


def test_a_published_folder_comes_back(store: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "a.txt").write_text("a")
    (source / "sub/b ä.bin").write_bytes(bytes(range(256)))
    publish_folder(store, "steps/x/1", source)
    publish_folder(store, "steps/x/1", source)  # somebody else was first
    assert folder_exists(store, "steps/x/1")
    target = tmp_path / "target"
    target.mkdir()
    (target / "left over").write_text("of a failed attempt")
    fetch_folder(store, "steps/x/1", target)
    names = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
    assert names == ["a.txt", "sub/b ä.bin"]
    assert (target / "sub/b ä.bin").read_bytes() == bytes(range(256))


def test_a_folder_without_its_marker_does_not_exist(store: ObjectStore, tmp_path: Path) -> None:
    store.put_bytes("steps/x/2/a.txt", b"a")
    assert not folder_exists(store, "steps/x/2")
    with pytest.raises(ObjectMissing):
        fetch_folder(store, "steps/x/2", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_changed_file_of_a_folder_is_refused(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a.txt").write_text("a")
    publish_folder(store, "steps/x/3", tmp_path / "source")
    store.put_bytes("steps/x/3/a.txt", b"b")
    with pytest.raises(InvalidInput, match="sha256"):
        fetch_folder(store, "steps/x/3", tmp_path / "target")
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("name", ["a", "No_Such/Name", "10.0.0.1", "two..dots"])
def test_a_name_that_no_bucket_can_have_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="bucket"):
        ObjectStore(endpoint="127.0.0.1:1", bucket=name)


def test_server_side_encryption_is_asked_for_with_every_put(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = tmp_path / "large"
    large.write_bytes(random.Random(0).randbytes(6 << 20))
    monkeypatch.setattr(store_module, "SINGLE_PUT_BYTES", 5 << 20)
    monkeypatch.setenv("MEDGANTRY_S3_SSE", "AES256")
    encrypting = ObjectStore.from_environment()
    encrypting.put_bytes("small", b"secret")
    encrypting.put_file("once", large, if_absent=True)
    encrypting.put_file("parts", large)
    store.put_bytes("plain", b"open")
    said = {
        key: store._client.stat_object(bucket_name=store.bucket, object_name=store._path(key)).metadata
        for key in ("small", "once", "parts", "plain")
    }
    found = {key: headers.get("x-amz-server-side-encryption") for key, headers in said.items()}
    assert found == {"small": "AES256", "once": "AES256", "parts": "AES256", "plain": None}
    assert store.get_bytes("small") == b"secret"
    assert store.get_bytes("once") == store.get_bytes("parts") == large.read_bytes()
