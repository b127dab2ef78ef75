"""An S3 store through the `minio` client: ranged reads, conditional writes, retries.

The only module that reads the store's address and credentials; they come from the environment:

    MEDGANTRY_STORE         s3://bucket[/prefix], where this project's own objects live
    MEDGANTRY_S3_ENDPOINT   host[:port] of the server
    MEDGANTRY_S3_TLS        true (default) or false; certificates are always verified
    MEDGANTRY_S3_REGION     default us-east-1
    MEDGANTRY_S3_SSE        server-side encryption sent with every PUT: AES256, or aws:kms:<key id>
    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
"""

import base64
import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

import urllib3
from minio import Minio
from minio.credentials import Credentials
from minio.helpers import check_bucket_name
from minio.signer import sign_v4_s3
from minio.sse import Sse, SseKMS, SseS3

from medgantry.errors import InvalidInput, ObjectMissing, PreconditionFailed
from medgantry.fingerprint import hash_file
from medgantry.storage.ranged import PARALLEL_RANGES, fetch_ranges
from medgantry.storage.retries import Retries

_CHUNK_BYTES = 64 << 10
"""What is read from a connection and written at once: larger writes by many threads cost ext4 two to four times the CPU."""
SINGLE_PUT_BYTES = 64 << 20
"""Objects above this size are sent in parts, unless the PUT is conditional."""
PATIENCE_SECONDS = 180.0
"""How long a store may be away before we give up."""


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """What a store says of one object."""

    key: str
    size: int
    """Bytes."""
    etag: str
    modified: datetime | None = None


class ObjectStore:
    """One bucket on one S3 server.

    Args:
        endpoint: `host[:port]`.
        bucket: The bucket.
        prefix: Put before every key, so that several projects can share a bucket.
        tls: Whether to speak TLS; certificates are always verified.
        credentials: None for anonymous access to a public bucket.
        region: The region that requests are signed for.
        sse: `AES256`, `aws:kms:<key id>` or empty: sent with every PUT.
        patience: Seconds to go on retrying while the server does not answer, and the longest that one answer is waited for.

    Raises:
        InvalidInput: If no bucket can have this name.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        bucket: str,
        prefix: str = "",
        tls: bool = True,
        credentials: Credentials | None = None,
        region: str = "us-east-1",
        sse: str = "",
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        try:
            check_bucket_name(bucket)
        except ValueError as error:
            raise InvalidInput(f"{bucket!r} is no name of a bucket: {error}.", "Check the URI.") from error
        self.bucket = bucket
        self.prefix = prefix.strip("/")
        self._endpoint, self._tls, self._region = endpoint, tls, region
        self._credentials, self._retry = credentials, Retries(endpoint, patience)
        self._sse = _parse_sse(sse)
        self._http = urllib3.PoolManager(
            maxsize=2 * PARALLEL_RANGES,
            timeout=urllib3.Timeout(connect=min(10, patience), read=min(120, patience)),
            retries=False,  # we retry whole operations, with more patience
        )
        self._client = Minio(
            endpoint=endpoint,
            access_key=credentials.access_key if credentials else None,
            secret_key=credentials.secret_key if credentials else None,
            session_token=credentials.session_token if credentials else None,
            secure=tls,
            region=region,
            http_client=self._http,
        )

    @classmethod
    def from_environment(cls, uri: str | None = None, *, patience: float = PATIENCE_SECONDS) -> "ObjectStore":
        """The store that the environment names.

        Args:
            uri: `s3://bucket[/prefix]` on the same server; `MEDGANTRY_STORE` by default.
            patience: Seconds to go on retrying while the server does not answer.

        Raises:
            InvalidInput: If a variable is missing, by name.
        """
        bucket, prefix = split_s3_uri(uri or _variable("MEDGANTRY_STORE"))
        return cls(
            endpoint=_variable("MEDGANTRY_S3_ENDPOINT"),
            bucket=bucket,
            prefix=prefix,
            tls=os.environ.get("MEDGANTRY_S3_TLS", "true").lower() != "false",
            credentials=Credentials(
                access_key=_variable("AWS_ACCESS_KEY_ID"),
                secret_key=_variable("AWS_SECRET_ACCESS_KEY"),
                session_token=os.environ.get("AWS_SESSION_TOKEN"),
            ),
            region=os.environ.get("MEDGANTRY_S3_REGION", "us-east-1"),
            sse=os.environ.get("MEDGANTRY_S3_SSE", ""),
            patience=patience,
        )

    def uri(self, key: str) -> str:
        """The `s3://` URI of a key."""
        return f"s3://{self.bucket}/{self._path(key)}"

    def put_bytes(
        self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None
    ) -> str:
        """Write an object in one request.

        Args:
            key: Where.
            data: What.
            if_absent: Only if there is no such object (`If-None-Match: *`).
            if_match: Only if the object still has this ETag (`If-Match`).

        Returns:
            The new ETag.

        Raises:
            PreconditionFailed: If the condition does not hold; nothing is written.
        """
        return self._put(key, data, hashlib.sha256(data).hexdigest(), if_absent=if_absent, if_match=if_match)

    def put_file(self, key: str, path: Path, *, if_absent: bool = False) -> None:
        """Upload a file; large ones in parts, unless conditional (a condition needs one request).

        Raises:
            PreconditionFailed: If `if_absent` and the object exists.
        """
        if not if_absent and path.stat().st_size > SINGLE_PUT_BYTES:
            self._retry(
                lambda: self._client.fput_object(
                    bucket_name=self.bucket, object_name=self._path(key), file_path=str(path), sse=self._sse
                )
            )
            return
        self._put(key, path, hash_file(path), if_absent=if_absent, if_match=None)

    def get_bytes(self, key: str, *, offset: int = 0, length: int = 0) -> bytes:
        """Read an object, or `length` bytes from `offset`.

        Raises:
            ObjectMissing: If there is no such object.
        """

        def read() -> bytes:
            response = self._client.get_object(
                bucket_name=self.bucket, object_name=self._path(key), offset=offset, length=length
            )
            try:
                data: bytes = response.read()
            finally:
                response.close()
                response.release_conn()
            expected = int(response.headers.get("Content-Length", len(data)))
            if len(data) != expected:  # urllib3 does not call a short read an error
                raise urllib3.exceptions.ProtocolError(f"{len(data)} of {expected} bytes of {key}")
            return data

        return self._retry(read)

    def download(self, key: str, path: Path) -> str:
        """Fetch an object to a file by concurrent ranged reads; the file appears whole or not at all.

        Returns:
            SHA-256 of the content.
        """
        size = self.stat(key).size
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        digest = self.fill(key, partial, size)
        partial.replace(path)
        return digest

    def fill(self, key: str, path: Path, size: int) -> str:
        """Fetch an object of known size into a file, in place; when this fails, the file is removed.

        Args:
            key: Which.
            path: Where; its folder exists.
            size: Bytes.

        Returns:
            SHA-256 of the content.

        Raises:
            ObjectMissing: If there is no such object.
            InvalidInput: If the object ends before `size`.
        """

        def copy(descriptor: int, offset: int, length: int) -> None:
            self._retry(lambda: self._copy_range(key, descriptor, offset, length))

        return fetch_ranges(path, size, copy)

    def _copy_range(self, key: str, descriptor: int, offset: int, length: int) -> None:
        response = self._client.get_object(
            bucket_name=self.bucket, object_name=self._path(key), offset=offset, length=length
        )
        try:
            promised = int(response.headers.get("Content-Length", length))
            if promised != length:
                raise InvalidInput(
                    f"{self.uri(key)} should have {length} bytes at {offset}, the store offers {promised}.",
                    "The object was changed or damaged: make it again.",
                )
            end = offset + length
            while offset < end and (chunk := response.read(min(_CHUNK_BYTES, end - offset))):
                offset += os.pwrite(descriptor, chunk, offset)
            if offset != end:  # urllib3 does not call a short read an error
                raise urllib3.exceptions.ProtocolError(f"{end - offset} bytes of {key} are missing")
        finally:
            response.close()
            response.release_conn()

    def stat(self, key: str) -> StoredObject:
        """Size and ETag of an object.

        Raises:
            ObjectMissing: If there is no such object.
        """
        found = self._retry(
            lambda: self._client.stat_object(bucket_name=self.bucket, object_name=self._path(key))
        )
        return StoredObject(key=key, size=found.size, etag=found.etag, modified=found.last_modified)

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        try:
            self.stat(key)
        except ObjectMissing:
            return False
        return True

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """All objects whose key starts with the prefix, in the order of their keys."""
        listing = self._retry(
            lambda: [
                *self._client.list_objects(bucket_name=self.bucket, prefix=self._path(prefix), recursive=True)
            ]
        )
        strip = len(self.prefix) + 1 if self.prefix else 0
        for item in listing:
            if not item.is_dir:
                yield StoredObject(
                    key=item.object_name[strip:], size=item.size, etag=item.etag, modified=item.last_modified
                )

    def delete(self, key: str) -> None:
        """Remove an object; removing what is not there is no error."""
        self._retry(lambda: self._client.remove_object(bucket_name=self.bucket, object_name=self._path(key)))

    def _path(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def _put(
        self, key: str, data: bytes | Path, sha256: str, *, if_absent: bool, if_match: str | None
    ) -> str:
        conditions = {"If-None-Match": "*"} if if_absent else {"If-Match": if_match} if if_match else {}
        with _opened(data) as content:
            md5 = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).digest()
        # SeaweedFS keeps what a client that was killed had sent, as a whole object, unless its digest is wrong.
        headers = {"Content-MD5": base64.b64encode(md5).decode(), **conditions}
        attempts = 0

        def send() -> str:
            nonlocal attempts
            attempts += 1
            try:
                return self._signed_put(key, data, sha256, headers)
            except PreconditionFailed:
                # A lost answer to our own first attempt must not read as somebody else's write.
                if attempts > 1 and self._holds(key, sha256):
                    return self.stat(key).etag
                raise

        return self._retry(send)

    def _holds(self, key: str, sha256: str) -> bool:
        return hashlib.sha256(self.get_bytes(key)).hexdigest() == sha256

    def _signed_put(self, key: str, data: bytes | Path, sha256: str, ours: Mapping[str, str]) -> str:
        """One PUT with headers of ours: minio's `put_object` takes no conditions."""
        scheme = "https" if self._tls else "http"
        path = "/" + quote(f"{self.bucket}/{self._path(key)}", safe="/-_.~")
        size = len(data) if isinstance(data, bytes) else data.stat().st_size
        now = datetime.now(UTC)
        headers: dict[str, Any] = {
            "Host": self._endpoint,
            "Content-Length": str(size),
            "x-amz-content-sha256": sha256,
            "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
            **ours,
            **(self._sse.headers() if self._sse else {}),
        }
        if self._credentials:
            if self._credentials.session_token:
                headers["x-amz-security-token"] = self._credentials.session_token
            headers = sign_v4_s3(
                method="PUT",
                url=SplitResult(scheme, self._endpoint, path, "", ""),
                region=self._region,
                headers=headers,
                credentials=self._credentials,
                content_sha256=sha256,
                date=now,
            )
        with _opened(data) as stream:
            response = self._http.request(
                "PUT", f"{scheme}://{self._endpoint}{path}", body=stream, headers=headers
            )
        if response.status in (409, 412):
            raise PreconditionFailed(f"{self.uri(key)} was written by somebody else ({response.status}).")
        if response.status >= 500:
            raise urllib3.exceptions.HTTPError(f"PUT {key}: {response.status} {response.data[:200]!r}")
        if response.status != 200:
            raise InvalidInput(
                f"PUT {self.uri(key)} was refused: {response.status} {response.data[:300]!r}.",
                "Check credentials and the bucket's policy.",
            )
        return str(response.headers.get("ETag", "")).strip('"')


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Bucket and key (or prefix) of an `s3://bucket/key` URI.

    Raises:
        InvalidInput: If it is no such URI.
    """
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise InvalidInput(f"An s3://bucket/key URI was wanted, got {uri!r}.")
    return parts.netloc, parts.path.strip("/")


def _opened(data: bytes | Path) -> io.BytesIO | io.BufferedReader:
    return io.BytesIO(data) if isinstance(data, bytes) else data.open("rb")


def _variable(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise InvalidInput(
            f"The environment variable {name} must name the object store; it is not set.",
            "Run through `python -m pipelines run`, or set it as docs/architecture.md says.",
        )
    return value


def _parse_sse(setting: str) -> Sse | None:
    if not setting:
        return None
    if setting == "AES256":
        return SseS3()
    if setting.startswith("aws:kms:"):
        return SseKMS(key=setting.removeprefix("aws:kms:"), context={})
    raise InvalidInput(f"MEDGANTRY_S3_SSE must be AES256 or aws:kms:<key id>, got {setting!r}.")
