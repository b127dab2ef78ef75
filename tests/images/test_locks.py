"""The images' locks agree with the root lock, with each other, with pyproject's extras, and with the package index."""

import os
import re
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import urljoin

import pytest
from packaging.metadata import parse_email
from packaging.requirements import Requirement
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

from images import locks

FOLDER = locks.ROOT / "images"
PROJECT = tomllib.loads((locks.ROOT / "pyproject.toml").read_text())["project"]
LOCKS = sorted(path.relative_to(FOLDER) for path in FOLDER.glob("*/*.lock"))
INDEX = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/"

Requires = Callable[[str], list[str]]


def public(pins: locks.Pins) -> locks.Pins:
    """The same without the part of a version that names a build, as in 2.13.0+cpu."""
    return {name: version.split("+")[0] for name, version in pins.items()}


def closure(requirements: list[str], pins: locks.Pins, requires: Requires) -> set[str]:
    """All that the requirements ask for; every version of it must be the pinned one.

    Args:
        requirements: Where to start.
        pins: A lock.
        requires: Gives the requirements of a package by name.
    """
    found: dict[str, set[str]] = {}
    queue = [(Requirement(text), "") for text in requirements]
    while queue:
        requirement, extra = queue.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{requirement} is not in the lock"
        assert requirement.specifier.contains(public(pins)[name], prereleases=True), (
            f"{requirement} and {pins[name]}"
        )
        for wanted in {"", *requirement.extras} - found.setdefault(name, set()):
            found[name].add(wanted)
            queue += [(Requirement(text), wanted) for text in requires(name)]
    return set(found)


def installed(name: str) -> list[str]:
    # Feast and what it alone needs lie apart, see feature-store.lock.
    found = next(
        iter(distributions(name=name, path=[*sys.path, str(Path(sys.prefix, "feature-store/site-packages"))]))
    )
    lines = found.requires or []
    # The CUDA build of torch may be the one that is installed here.
    return [line for line in lines if not locks.is_cuda(Requirement(line).name)]


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return str(answer.read(), "utf-8")


def wheel_url(name: str, version: str) -> str | None:
    """Where the index has a wheel for Linux on x86-64."""
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)]
    platforms += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"]
    usable = {*cpython_tags((3, 11), platforms=platforms), *compatible_tags((3, 11), "cp311", platforms)}
    page = urljoin(INDEX, f"{name}/")
    for link in re.findall(r'href="([^"#]+\.whl)', fetch(page)):
        wheel, found, _, tags = parse_wheel_filename(link.rsplit("/", 1)[1])
        if wheel == name and str(found) == version and tags & usable:
            return urljoin(page, link)
    return None


def published(url: str) -> list[str]:
    """What the index says that a wheel asks for, without fetching the wheel. It need not say (PEP 658)."""
    try:
        raw, _ = parse_email(fetch(f"{url}.metadata"))
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return []
        raise
    return raw.get("requires_dist", [])


@pytest.mark.parametrize("lock", LOCKS, ids=str)
def test_an_image_pins_what_the_root_lock_pins(lock):
    root = locks.read(locks.ROOT / "requirements.lock") | locks.read(locks.ROOT / "feature-store.lock")
    pins = public(locks.read(FOLDER / lock))
    assert {name: version for name, version in pins.items() if not locks.is_cuda(name)} == {
        name: root[name] for name in pins if not locks.is_cuda(name)
    }


def test_tools_agree_with_the_root_lock():
    root = locks.read(locks.ROOT / "requirements.lock")
    tools = locks.read(FOLDER / "tools.lock")
    assert {name: tools[name] for name in tools.keys() & root} == {
        name: root[name] for name in tools.keys() & root
    }


@pytest.mark.parametrize("image", ["torch", "serve"])
def test_cpu_and_cuda_differ_in_torch_alone(image):
    cpu = locks.read(FOLDER / image / "requirements.cpu.lock")
    cuda = locks.read(FOLDER / image / "requirements.cuda.lock")
    assert not any(locks.is_cuda(name) for name in cpu)
    assert (cpu.pop("torch"), cuda.pop("torch")) == ("2.13.0+cpu", "2.13.0")
    assert cpu == {name: version for name, version in cuda.items() if not locks.is_cuda(name)}


@pytest.mark.parametrize(("image", "lock"), [(lock.parent.name, lock) for lock in LOCKS], ids=str)
def test_a_lock_is_all_that_the_extras_ask_for_and_nothing_else(image, lock):
    pins = {name: v for name, v in locks.read(FOLDER / lock).items() if not locks.is_cuda(name)}
    extras = PROJECT["optional-dependencies"]
    wanted = PROJECT["dependencies"] + [line for extra in locks.EXTRAS[image] for line in extras[extra]]
    asked = closure(wanted, pins, installed)
    assert pins.keys() - asked == {"kfp"}, "KFP's executor needs none of KFP's dependencies"


@pytest.mark.parametrize("image", ["torch", "serve"])
def test_the_cuda_wheels_exist_and_fit_each_other(image):
    pins = locks.read(FOLDER / image / "requirements.cuda.lock")
    # The other packages are installed here, in the same versions.
    names = [name for name in pins if locks.is_cuda(name) or name == "torch"]
    try:
        fetch(urljoin(INDEX, "torch/"))
    except urllib.error.URLError as error:
        pytest.skip(f"{INDEX} does not answer: {error}")
    urls = {name: wheel_url(name, pins[name]) for name in names}
    assert [name for name, url in urls.items() if url is None] == []
    closure(names, pins, lambda name: published(urls[name]) if urls.get(name) else [])


def test_reading_knows_both_ways_of_pinning(tmp_path):
    lock = tmp_path / "some.lock"
    locks.write(lock, {"Zoo".lower(): "1", "torch": "2.13.0"}, "torch===2.13.0")
    assert lock.read_text() == f"{locks.HEADER}torch===2.13.0\nzoo==1\n"
    assert locks.read(lock) == {"torch": "2.13.0", "zoo": "1"}
    lock.write_text("Typing_Extensions.x==1\n\n# a comment\n")
    assert locks.read(lock) == {"typing-extensions-x": "1"}
