"""Voxel files by URI: where sources are read, and how a file named by URI and SHA-256 reaches this machine.

Forms of a URI:
    s3://bucket/key             on the store that the environment names
    s3+https://host/bucket/key  a public bucket, read without credentials (s3+http:// without TLS)
    /path or file:///path       this machine
A `.tar` or `.zip` stands for the files in it.
"""

import hashlib
import tarfile
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import IO, cast
from urllib.parse import unquote, urlsplit

from medgantry.errors import InvalidInput, PreconditionFailed
from medgantry.fingerprint import hash_file, walk_files
from medgantry.storage.store import ObjectStore
from medgantry.storage.zip_archives import unpack_zip


def locate(uri: str) -> tuple[ObjectStore, str] | Path:
    """Where a URI points: (store, key), or a path on this machine.

    Raises:
        InvalidInput: If the form is not known.
    """
    parts = urlsplit(uri)
    if parts.scheme in ("", "file"):
        return Path(unquote(parts.path) if parts.scheme else uri)
    if parts.scheme == "s3":
        return ObjectStore.from_environment(f"s3://{parts.netloc}"), parts.path.strip("/")
    if parts.scheme in ("s3+https", "s3+http"):
        bucket, _, key = parts.path.strip("/").partition("/")
        return ObjectStore(endpoint=parts.netloc, bucket=bucket, tls=parts.scheme == "s3+https"), key
    raise InvalidInput(
        f"{uri!r} is no source: a path, s3://bucket/prefix or s3+https://host/bucket/prefix was wanted."
    )


def read_bytes(uri: str) -> bytes:
    """The content of one file.

    Raises:
        InvalidInput: If there is none.
        ObjectMissing: If the store has no such object.
    """
    place = locate(uri)
    if not isinstance(place, Path):
        return place[0].get_bytes(place[1])
    if not place.is_file():
        raise InvalidInput(f"There is no file {place} on this machine.", "Check the path.")
    return place.read_bytes()


def fetch(uri: str, sha256: str, folder: Path, suffix: str) -> Path:
    """Bring one file to a local folder, under its hash, checked; a file already there is not fetched again.

    Raises:
        InvalidInput: If the content is not what `sha256` says.
    """
    target = folder / f"{sha256}.{suffix}"
    if target.exists():
        return target
    place = locate(uri)
    if isinstance(place, Path):
        found, local = hash_file(place), place
    else:
        store, key = place
        found, local = store.download(key, target), target
    if found != sha256:
        if local == target:
            target.unlink()
        raise InvalidInput(
            f"{uri} changed since ingest: sha256 {sha256} was recorded, {found} is there.",
            "Run the ingest again.",
        )
    return local


def keep(store: ObjectStore, path: Path, sha256: str) -> str:
    """Upload a local file once, under its content's hash.

    Returns:
        Its URI.
    """
    key = f"blobs/{sha256}"
    if not store.exists(key):
        with suppress(PreconditionFailed):  # another worker kept the same content
            store.put_file(key, path, if_absent=True)
    return store.uri(key)


class Source:
    """A folder of files somewhere, read by relative names.

    Args:
        uri: Any form this module's docstring lists; a `.tar` is unpacked as a stream, a `.zip` once it is here.
        scratch: Local folder for what must be fetched.
        md5: Expected MD5 of an archive, hexadecimal; empty when unknown.
    """

    def __init__(self, uri: str, scratch: Path, md5: str = "") -> None:
        self.uri = uri
        self._scratch = scratch
        unpack = {".tar": unpack_tar, ".zip": _unpack_zip}.get(uri[-4:])
        self._base = unpack(uri, scratch / "unpacked", md5) if unpack else locate(uri)
        if isinstance(self._base, Path):
            if not self._base.exists():
                raise InvalidInput(f"The source {uri} does not exist on this machine.", "Check the path.")
            self._root = self._base if self._base.is_dir() else self._base.parent
        else:
            prefix = self._base[1].rpartition("/")[0] if uri.endswith(".csv") else self._base[1]
            self._folder = f"{prefix}/" if prefix else ""

    @property
    def root(self) -> Path | None:
        """The folder on this machine; None where files must be fetched."""
        return self._root if isinstance(self._base, Path) else None

    @cached_property
    def _local(self) -> dict[str, Path]:
        return dict(walk_files(self._root)) if isinstance(self._base, Path) else {}

    @cached_property
    def _etags(self) -> dict[str, str]:
        """Of remote files; a listing of many, so only made when somebody asks."""
        if isinstance(self._base, Path):
            return {}
        found = self._base[0].list(self._folder)
        return {item.key[len(self._folder) :]: item.etag for item in found if item.key != self._folder}

    def names(self) -> list[str]:
        """All files, relative, sorted; macOS resource forks (`._*`) are left out."""
        names = self._local if isinstance(self._base, Path) else self._etags
        return sorted(name for name in names if not Path(name).name.startswith("._"))

    @property
    def is_remote(self) -> bool:
        """Whether a file must be fetched before it can be read."""
        return not isinstance(self._base, Path)

    def marks(self) -> dict[str, str]:
        """Name -> what changes when the file does, without reading it: size and time here, the ETag elsewhere."""
        if self.is_remote:
            return {name: self._etags[name] for name in self.names()}
        stats = {name: self._local[name].stat() for name in self.names()}
        return {name: f"{stat.st_size}-{stat.st_mtime_ns}" for name, stat in stats.items()}

    def fingerprint(self, names: list[str]) -> dict[str, str]:
        """Name -> what changes when the file does: SHA-256 here, the ETag elsewhere, empty when missing."""
        if isinstance(self._base, Path):
            with ThreadPoolExecutor(2) as pool:  # hashing lets go of the interpreter lock
                present = [name for name in names if name in self._local]
                return dict.fromkeys(names, "") | dict(
                    zip(present, pool.map(lambda name: hash_file(self._local[name]), present), strict=True)
                )
        return {name: self._etags.get(name, "") for name in names}

    def open_local(self, name: str) -> Path:
        """The file on this machine, fetched if it is elsewhere."""
        if isinstance(self._base, Path):
            return self._root / name
        target = self._scratch / "fetched" / name
        if not target.exists():
            self._base[0].download(self._folder + name, target)
        return target

    def keep(self, name: str, sha256: str, store: ObjectStore) -> str:
        """The URI under which later steps find the file: local ones are uploaded once, others stay."""
        if isinstance(self._base, Path):
            return keep(store, self._local[name], sha256)
        if self.uri.startswith("s3+"):
            parts = urlsplit(self.uri)
            return f"{parts.scheme}://{parts.netloc}/{self._base[0].bucket}/{self._folder}{name}"
        return f"s3://{self._base[0].bucket}/{self._folder}{name}"

    def forget(self, name: str) -> None:
        """Drop the local copy of a fetched file, so that ingest needs room for one case only."""
        if not isinstance(self._base, Path):
            (self._scratch / "fetched" / name).unlink(missing_ok=True)


def unpack_tar(uri: str, folder: Path, md5: str) -> Path:
    """Unpack an archive while it is read, never holding it whole, and check its MD5 at the end.

    Returns:
        The folder, or the only folder inside it.

    Raises:
        InvalidInput: If there is no such archive, it is none or ends early, or the MD5 differs; what was
            unpacked is not to be trusted then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _opened(uri) as raw:
        reader = _Md5Reader(raw)
        try:
            with tarfile.open(fileobj=cast("IO[bytes]", reader), mode="r|") as archive:
                archive.extractall(folder, filter="data")
        except (
            tarfile.TarError,
            OSError,
        ) as error:  # without its text, which names a member: a patient, maybe
            raise InvalidInput(
                f"{uri} is no whole, safe .tar: {type(error).__name__}.", "Fetch the archive again."
            ) from error
        while reader.read(1 << 20):  # the padding after the last member counts too
            pass
    _check_md5(uri, md5, reader.digest.hexdigest())
    inside = [path for path in folder.iterdir() if not path.name.startswith("._")]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _unpack_zip(uri: str, folder: Path, md5: str) -> Path:
    """Unpack a `.zip`, whose directory is at its end: it is fetched whole first."""
    with tempfile.TemporaryDirectory(dir=_made(folder.parent)) as beside:
        path = Path(beside) / "archive"
        with _opened(uri) as raw, path.open("wb") as copy:
            reader = _Md5Reader(raw)
            while block := reader.read(1 << 20):
                copy.write(block)
        _check_md5(uri, md5, reader.digest.hexdigest())
        return unpack_zip(path, folder, uri)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _check_md5(uri: str, wanted: str, found: str) -> None:
    if wanted and found != wanted:
        raise InvalidInput(
            f"{uri} should have md5 {wanted}, found {found}.",
            "Fetch the archive again, or correct source_md5.",
        )


@contextmanager
def _opened(uri: str) -> Iterator[IO[bytes]]:
    place = locate(uri)
    if isinstance(place, Path):
        if not place.is_file():
            raise InvalidInput(f"There is no file {place} on this machine.", "Check the path.")
        with place.open("rb") as stream:
            yield stream
    else:
        yield cast("IO[bytes]", _RangedReader(*place))


class _RangedReader:
    """A remote object as a stream of ranged reads, each retried by the store."""

    def __init__(self, store: ObjectStore, key: str) -> None:
        self._store, self._key, self._offset = store, key, 0
        self._size = store.stat(key).size
        self._buffer = b""

    def read(self, size: int) -> bytes:
        while len(self._buffer) < size and self._offset < self._size:
            length = min(16 << 20, self._size - self._offset)
            self._buffer += self._store.get_bytes(self._key, offset=self._offset, length=length)
            self._offset += length
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data


class _Md5Reader:
    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self.digest = hashlib.md5(usedforsecurity=False)

    def read(self, size: int) -> bytes:
        data = self._raw.read(size)
        self.digest.update(data)
        return data
