"""Requests that are refused otherwise than as bad ones."""

from kserve.errors import InvalidInput as BadRequest

from medgantry.errors import InvalidInput


class TooLarge(InvalidInput):
    """A request, or what it unpacks to, is above a limit: HTTP 413."""


class Refused(Exception):
    """A request that may be right at another time.

    Args:
        status: 429 when too many wait, 503 when the server ends or cannot reach what the request refers to.
        reason: For the client.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class BadContent(BadRequest):  # type: ignore[misc]
    """A request that is wrong in itself, with the status that says how.

    Args:
        status: 400 or 413.
        reason: For the client.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
