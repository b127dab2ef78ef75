import pytest

from medgantry.errors import InvalidInput
from medgantry.survival.settings import Settings


def test_what_is_not_named_keeps_its_default() -> None:
    found = Settings.read('{"repeats": 2, "kept": [3], "known_until": "surgery", "grid": [365, 730.5]}')
    assert (found.repeats, found.kept, found.known_until, found.grid) == (2, (3,), "surgery", (365, 730.5))
    assert found.folds == Settings().folds
    assert Settings.read("") == Settings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"fold": 3}', "settings has no fold; it has estimator, origin"),
        (
            '{"estimator": "forest"}',
            "estimator must be one of .'cox', 'boosted-cox', 'boosted-aft'., found 'forest'",
        ),
        ('{"folds": 1}', "folds must be a whole number of at least 2, found 1"),
        ('{"folds": 5.0}', "folds must be"),
        ('{"repeats": true}', "repeats must be"),
        ('{"kept": []}', "kept must be whole numbers"),
        ('{"penalties": [0]}', "penalties must be numbers above 0"),
        ('{"rounds": 10}', "rounds must be"),
        ('{"grid": [2, 1]}', "grid must be rising days above 0"),
        ('{"origin": " "}', "origin must be words"),
        ("[]", "settings must be a JSON object"),
    ],
)
def test_what_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Settings.read(text)
