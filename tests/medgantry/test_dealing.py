"""Largest first into the lightest part, and names decide ties."""

from hypothesis import given
from hypothesis import strategies as st

from medgantry.dealing import deal

SIZES = st.dictionaries(st.text(min_size=1, max_size=4), st.integers(0, 1000), max_size=40)


def test_largest_first_into_the_lightest_part() -> None:
    assert deal({"a": 1, "b": 5, "c": 3, "d": 3, "e": 2}, 2) == [["b", "e"], ["c", "d", "a"]]


def test_more_parts_than_pieces_are_not_made() -> None:
    assert deal({"a": 1, "b": 1}, 5) == [["a"], ["b"]]
    assert deal({}, 5) == []


@given(SIZES, st.integers(1, 8))
def test_every_piece_is_dealt_once_and_no_part_is_heavier_by_more_than_one_piece(sizes, parts) -> None:
    dealt = deal(sizes, parts)
    assert sorted(name for part in dealt for name in part) == sorted(sizes)
    loads = [sum(sizes[name] for name in part) for part in dealt]
    assert max(loads, default=0) - min(loads, default=0) <= max(sizes.values(), default=0)


@given(SIZES, st.integers(1, 8), st.randoms())
def test_the_order_of_the_pieces_decides_nothing(sizes, parts, random) -> None:
    items = list(sizes.items())
    random.shuffle(items)
    assert deal(dict(items), parts) == deal(sizes, parts)
