"""A stretch of time, as a person says it."""

from datetime import UTC, datetime, timedelta

from medgantry.errors import InvalidInput

_DAYS = 30


def parse_period(since: str, until: str, now: datetime) -> tuple[datetime, datetime]:
    """Beginning and end, which is not part of it.

    Args:
        since: ISO 8601 such as `2027-03-01` or `2027-03-01T06:00Z`, UTC unless it says otherwise; empty for 30 days
            before the end.
        until: The same; empty for now.
        now: Aware.

    Raises:
        InvalidInput: If one is no time, or the end is not after the beginning.
    """
    end = _time("until", until) if until else now
    begin = _time("since", since) if since else end - timedelta(days=_DAYS)
    if begin >= end:
        raise InvalidInput(
            f"since must be before until, got {begin.isoformat()} and {end.isoformat()}.",
            "Change one of them.",
        )
    return begin, end


def _time(name: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{name} must be a time such as 2027-03-01T06:00Z, got {text!r}.") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
