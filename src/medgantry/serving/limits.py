"""How much a request may ask of a server; the defaults are for one volume at a time in 8 GiB."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from medgantry.errors import InvalidInput

PREFIX = "MEDGANTRY_SERVING_"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Each is set by the environment variable of its name in capitals, after `MEDGANTRY_SERVING_`."""

    request_mib: int = 128
    """Of a request's body. Those of all that wait lie in memory, some three times over."""
    file_mib: int = 2048
    """Of a file that a request refers to: one at a time is fetched, to a disk."""
    unpacked_mib: int = 4096
    """Of what an archive or a compressed file unpacks to."""
    archive_files: int = 20_000
    """In an archive or a series."""
    megavoxels: int = 400
    """Of a volume, all its channels counted."""
    concurrency: int = 1
    """Requests that are predicted at a time; the others wait."""
    queue: int = 8
    """Requests that may wait; further ones are answered 429 at once."""
    body_seconds: int = 120
    """In which a request's body must arrive."""
    grace_seconds: int = 120
    """In which requests that were taken are answered once the server is told to stop."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < (0 if field.name == "queue" else 1):
                raise InvalidInput(
                    f"{PREFIX}{field.name.upper()} must be positive, got {getattr(self, field.name)}."
                )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Limits":
        """The defaults, and what the environment says instead.

        Raises:
            InvalidInput: If a value is no whole number above 0.
        """
        said = {
            field.name: environment[PREFIX + field.name.upper()]
            for field in fields(cls)
            if PREFIX + field.name.upper() in environment
        }
        for name, value in said.items():
            if not value.isdecimal():
                raise InvalidInput(f"{PREFIX}{name.upper()} must be a whole number, got {value!r}.")
        return cls(**{name: int(value) for name, value in said.items()})

    @property
    def request_bytes(self) -> int:
        """`request_mib` in bytes."""
        return self.request_mib << 20

    @property
    def file_bytes(self) -> int:
        """`file_mib` in bytes."""
        return self.file_mib << 20

    @property
    def unpacked_bytes(self) -> int:
        """`unpacked_mib` in bytes."""
        return self.unpacked_mib << 20
