"""Reading a role file: YAML whose scalars are all text, so that `No` stays `No`."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from importlib.resources import files
from itertools import chain, count
from typing import Any

import yaml

from medgantry.errors import InvalidInput
from medgantry.features.clinical.roles import TAKEN, ColumnRole, Given, Milestone, Roles
from medgantry.features.column import safe_name
from medgantry.storage.files import read_bytes

SCHEMA = "medgantry/column-roles/1"
OURS = "medgantry:"
_KEYS = {field.name for field in fields(Roles)} - {"sha256"} | {"schema"}
_COLUMN_KEYS = {field.name for field in fields(ColumnRole)} - {"column"}


def open_roles(uri: str) -> Roles:
    """The role file that a URI names.

    Args:
        uri: `medgantry:<name>` for one of ours, a path, or `s3://bucket/key`.

    Raises:
        InvalidInput: If there is none, or it does not hold.
    """
    if not uri.startswith(OURS):
        return parse_roles(read_bytes(uri))
    found = files(__package__).joinpath(f"{uri.removeprefix(OURS)}.yaml")
    if not found.is_file():
        ours = sorted(
            OURS + file.name[:-5] for file in files(__package__).iterdir() if file.name.endswith(".yaml")
        )
        raise InvalidInput(f"There is no role file {uri}; ours are {ours}.")
    return parse_roles(found.read_bytes())


def parse_roles(data: bytes) -> Roles:
    """Roles from the bytes of a file.

    Raises:
        InvalidInput: If it is no YAML, of another schema, or says something impossible.
    """
    try:
        document = yaml.load(data, yaml.BaseLoader)  # which makes text alone
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The role file is no YAML: {error}.", "Correct it.") from error
    found = _mapping(document, "The role file")
    if found.get("schema") != SCHEMA:
        raise InvalidInput(f"A role file must say `schema: {SCHEMA}`, found {found.get('schema')!r}.")
    _check_keys(found, _KEYS, "The role file")
    columns = _mapping(found.get("columns"), "`columns`")
    stones = _mapping(found.get("milestones"), "`milestones`")
    return Roles(
        title=found.get("title", ""),
        columns=_columns(columns),
        milestones={name: _milestone(name, values or {}) for name, values in stones.items()},
        origin=found.get("origin", ""),
        ends=_mapping(found.get("ends", {}), "`ends`"),
        missing=_texts(found.get("missing", []), "`missing`"),
        date_formats=_texts(found.get("date_formats", ["%Y-%m-%d"]), "`date_formats`"),
        facets={
            name: sorted(_number(cut, f"A cut of facet {name!r}") for cut in cuts)
            for name, cuts in _mapping(found.get("facets", {}), "`facets`").items()
        },
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _columns(documents: Mapping[str, Any]) -> list[ColumnRole]:
    found = {column: _mapping(values, f"Column {column!r}") for column, values in documents.items()}
    taken = TAKEN | {values["name"] for values in found.values() if "name" in values}
    columns = []
    for column, values in found.items():
        name = values.get("name") or _free_name(safe_name(column), taken)
        taken.add(name)
        columns.append(_column(column, {**values, "name": name}))
    return columns


def _free_name(name: str, taken: Collection[str]) -> str:
    numbered = (f"{name}_{number}" for number in count(2))
    return next(free for free in chain([name], numbered) if free not in taken)


def _column(column: str, found: Mapping[str, Any]) -> ColumnRole:
    where = f"Column {column!r} of the role file"
    _check_keys(found, _COLUMN_KEYS, where)
    if "role" not in found:
        raise InvalidInput(f"{where} has no role.", "Say what it is.")
    kind = found.get("kind", "category")
    lists = {
        key: tuple(_texts(found.get(key, []), f"`{key}` of {where}")) for key in ("categories", "missing")
    }
    truths = {key: found.get(key, "false") == "true" for key in ("optional", "must_equal_time")}
    maps = {key: _mapping(found.get(key, {}), f"`{key}` of {where}") for key in ("values", "readings")}
    values: dict[str, Any] = {
        **found,
        **lists,
        **truths,
        **maps,
        "column": column,
        "factor": _number(found.get("factor", "1"), f"The factor of {where}"),
        "range": _range(found["range"], where) if "range" in found else None,
        "given": tuple(_given(item, kind, where) for item in found.get("given", [])),
    }
    return ColumnRole(**values)


def _range(value: Any, where: str) -> tuple[float, float]:
    limits = [_number(limit, f"The range of {where}") for limit in _texts(value, f"The range of {where}")]
    if len(limits) != 2:
        raise InvalidInput(f"The range of {where} must be [smallest, largest], found {value}.")
    return limits[0], limits[1]


def _given(document: Any, kind: str, where: str) -> Given:
    found = _mapping(document, f"`given` of {where}")
    _check_keys(found, {"when", "value"}, f"`given` of {where}")
    when = _mapping(found.get("when"), f"`when` of {where}")
    if len(when) != 1:
        raise InvalidInput(f"`when` of {where} must name one column, found {sorted(when)}.")
    column, equals = next(iter(when.items()))
    text = found.get("value")
    value = text if text is None or kind == "category" else _number(text, f"`value` of {where}")
    return Given(column=column, equals=equals, value=value)


def _milestone(name: str, document: Any) -> Milestone:
    found = _mapping(document, f"Milestone {name!r}")
    _check_keys(found, {"date", "days"}, f"Milestone {name!r}")
    return Milestone(**found)


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{what} must be a mapping, found {value!r}.")
    return value


def _check_keys(found: Iterable[str], allowed: Collection[str], what: str) -> None:
    unknown = sorted(set(found) - set(allowed))
    if unknown:
        raise InvalidInput(f"{what} has the keys {unknown}; known are {sorted(allowed)}.")


def _texts(value: Any, what: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidInput(f"{what} must be a list of texts, found {value!r}.")
    return value


def _number(text: Any, what: str) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        raise InvalidInput(f"{what} must be a number, found {text!r}.") from None
