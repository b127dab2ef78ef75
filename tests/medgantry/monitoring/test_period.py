from datetime import UTC, datetime, timedelta, timezone

import pytest

from medgantry.errors import InvalidInput
from medgantry.monitoring.period import parse_period

NOW = datetime(2027, 3, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "until", "begin", "end"),
    [
        ("", "", NOW - timedelta(days=30), NOW),
        ("2027-03-01", "", datetime(2027, 3, 1, tzinfo=UTC), NOW),
        ("", "2027-03-03T06:00Z", datetime(2027, 2, 1, 6, tzinfo=UTC), datetime(2027, 3, 3, 6, tzinfo=UTC)),
        (
            "2027-03-01T00:00+02:00",
            "2027-03-02",
            datetime(2027, 3, 1, tzinfo=timezone(timedelta(hours=2))),
            datetime(2027, 3, 2, tzinfo=UTC),
        ),
    ],
)
def test_periods(since: str, until: str, begin: datetime, end: datetime) -> None:
    assert parse_period(since, until, NOW) == (begin, end)


@pytest.mark.parametrize(
    ("since", "until"), [("yesterday", ""), ("2027-03-02", "2027-03-02"), ("2028-01-01", "")]
)
def test_what_is_no_period_is_refused(since: str, until: str) -> None:
    with pytest.raises(InvalidInput, match="since must be"):
        parse_period(since, until, NOW)
