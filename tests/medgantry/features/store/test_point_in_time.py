"""The check that stands beside Feast."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medgantry.errors import Mismatch
from medgantry.features.store.point_in_time import check_answer, known_at
from tests.medgantry.features.store.tables import VOLUME, day, table

KEYS = st.tuples(st.sampled_from("abcd"), st.integers(0, 9))


@given(
    st.dictionaries(KEYS, st.floats(0, 1), min_size=1),
    st.dictionaries(st.sampled_from("abcde"), st.integers(0, 9), min_size=1),
)
def test_the_last_row_before_a_time_is_the_one_that_pandas_finds(
    values: dict[tuple[str, int], float], times: dict[str, int]
) -> None:
    subjects: dict[str, dict[float, dict[str, Any]]] = {}
    for (subject, when), value in values.items():
        subjects.setdefault(subject, {})[when] = {"volume": value}
    found = known_at(table([VOLUME], subjects), {name: day(when) for name, when in times.items()})
    right = pd.DataFrame([(s, w, v) for (s, w), v in values.items()], columns=["s", "w", "v"]).sort_values(
        "w"
    )
    left = pd.DataFrame(sorted(times.items(), key=lambda item: item[1]), columns=["s", "w"])
    wanted = pd.merge_asof(left, right, on="w", by="s").dropna()
    assert {name: row["volume"] for name, row in found.items()} == dict(
        zip(wanted["s"], wanted["v"], strict=True)
    )


def test_a_future_value_in_feasts_answer_is_an_error_that_names_it() -> None:
    known = {"a": {"event_timestamp": datetime(2001, 1, 1, tzinfo=UTC), "volume": 1.0}}
    times = {"a": datetime(2001, 1, 2, tzinfo=UTC), "b": datetime(2001, 1, 2, tzinfo=UTC)}
    assert check_answer("radiomics", ["volume"], {"a": {"volume": 1.0}}, known, times) == 2
    with pytest.raises(Mismatch, match=r"a volume: 2.0 instead of 1.0 \(of 2001-01-01"):
        check_answer("radiomics", ["volume"], {"a": {"volume": 2.0}}, known, times)
    with pytest.raises(Mismatch, match=r"b volume: 3.0 instead of None"):
        check_answer("radiomics", ["volume"], {"a": {"volume": 1.0}, "b": {"volume": 3.0}}, known, times)


def test_a_row_at_the_very_time_is_known() -> None:
    made = table([VOLUME], {"a": {0: {"volume": 1.0}}})
    assert known_at(made, {"a": day(0)})
    assert not known_at(made, {"a": day(0) - timedelta(microseconds=1)})
