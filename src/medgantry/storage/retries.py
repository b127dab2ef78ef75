"""Patience with an S3 server that is busy or away, and its refusals in the library's words."""

from collections.abc import Callable
from typing import TypeVar

import tenacity
import urllib3
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError

from medgantry.errors import InvalidInput, ObjectMissing, StoreUnavailable

T = TypeVar("T")

_TEMPORARY_CODES = {
    "SlowDown",
    "InternalError",
    "ServiceUnavailable",
    "RequestTimeout",
    "XMinioServerNotInitialized",
}
_MISSING_CODES = {"NoSuchKey", "NoSuchBucket", "ResourceNotFound"}


class Retries:
    """Runs operations on one server, again while it is away.

    Args:
        endpoint: Whose server it is, for errors.
        patience: Seconds to go on.
    """

    def __init__(self, endpoint: str, patience: float) -> None:
        self._endpoint, self._patience = endpoint, patience

    def __call__(self, operation: Callable[[], T]) -> T:
        """What an operation returns.

        Args:
            operation: Without an effect that a second time would add to.

        Raises:
            ObjectMissing: If there is no such object.
            InvalidInput: If the server refuses, or is no S3 server.
            StoreUnavailable: If it stayed away.
        """
        try:
            return tenacity.Retrying(
                retry=tenacity.retry_if_exception(_is_temporary),
                wait=tenacity.wait_random_exponential(multiplier=0.2, max=8),
                stop=tenacity.stop_after_delay(self._patience),
                reraise=True,
            )(operation)
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            if isinstance(error, S3Error) and error.code in _MISSING_CODES:
                raise ObjectMissing(f"There is no {error.bucket_name}/{error.object_name}.") from error
            if _is_temporary(error):
                raise StoreUnavailable(
                    f"The object store {self._endpoint} did not answer for {self._patience:.0f} s: {str(error)[:300]}.",
                    "Check that it runs and is reachable, then try again: finished work is kept.",
                ) from error
            if isinstance(error, S3Error):
                raise InvalidInput(
                    f"{self._endpoint} refused: {error.code} {error.message} ({error.resource}).",
                    "Check credentials and the bucket's policy.",
                ) from error
            if isinstance(error, MinioException):
                raise InvalidInput(
                    f"{self._endpoint} does not answer as an S3 server does: {str(error)[:300]}.",
                    "Check MEDGANTRY_S3_ENDPOINT.",
                ) from error
            raise


def _is_temporary(error: BaseException) -> bool:
    if isinstance(error, S3Error):
        return error.code in _TEMPORARY_CODES or (error.response is not None and error.response.status >= 500)
    # Without a body of S3's own: to HEAD, or from what stands before the store.
    if isinstance(error, ServerError):
        return int(error.status_code) >= 500
    if isinstance(error, InvalidResponseError):
        return int(error._code) >= 500  # it tells the status nowhere else
    return isinstance(error, urllib3.exceptions.HTTPError | ConnectionError | TimeoutError)
