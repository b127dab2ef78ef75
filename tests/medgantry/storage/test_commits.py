"""The first commit stands, for whoever comes later."""

from medgantry.storage.commits import commit, committed


def test_the_first_commit_stands(store):
    assert committed(store, "results/a.json") is None
    assert commit(store, "results/a.json", {"by": "first", "at": (1, 2)}) == {"by": "first", "at": [1, 2]}
    assert commit(store, "results/a.json", {"by": "second"}) == {"by": "first", "at": [1, 2]}
    assert committed(store, "results/a.json") == {"by": "first", "at": [1, 2]}
