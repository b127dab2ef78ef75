"""How Feast reads `s3://`: Dask asks fsspec, and fsspec gets our object store, with its address, retries and certificates."""

import io
from typing import Any, BinaryIO

from fsspec.spec import AbstractFileSystem  # type: ignore[import-untyped]

from medgantry.errors import ObjectMissing
from medgantry.storage import ObjectStore


class S3Files(AbstractFileSystem):  # type: ignore[misc]
    """Objects of the store that the environment names, to be read; paths are `bucket/key`."""

    protocol = "s3"
    cachable = False  # the environment may name another store by then

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Name, size and ETag of an object.

        Raises:
            FileNotFoundError: If there is no such object.
        """
        store, key = _place(self._strip_protocol(path))
        try:
            found = store.stat(key)
        except ObjectMissing as error:
            raise FileNotFoundError(path) from error
        return {"name": f"{store.bucket}/{key}", "size": found.size, "type": "file", "etag": found.etag}

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """The object itself: folders are not asked for."""
        found = self.info(path)
        return [found if detail else found["name"]]

    def _open(self, path: str, mode: str = "rb", **_: Any) -> BinaryIO:
        if mode != "rb":
            raise NotImplementedError(f"{path} is there to be read, {mode!r} was asked for.")
        store, key = _place(path)
        return io.BytesIO(store.get_bytes(key))


def _place(path: str) -> tuple[ObjectStore, str]:
    bucket, _, key = path.partition("/")
    return ObjectStore.from_environment(f"s3://{bucket}"), key
