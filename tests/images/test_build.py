"""How images are built: the engine that is chosen, its command, and Dockerfiles that differ in what they must."""

import os
import re
from pathlib import Path

import pytest

from images import build

COMPILER = r"# pyradiomics comes as source.*\nRUN command -v cc .*\n.*\n"


def put_program(folder: Path, name: str, status: int) -> None:
    (folder / name).write_text(f"#!/bin/sh\nexit {status}\n")
    (folder / name).chmod(0o755)


def test_an_engine_that_does_not_answer_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    names = ("docker", "medgantry-engine")
    put_program(tmp_path, "docker", 1)
    assert build.find_engine(names) is None
    put_program(tmp_path, "medgantry-engine", 0)
    assert build.find_engine(names) == "medgantry-engine"


@pytest.fixture
def variables(monkeypatch):
    for name in (*build.VARIABLES, "ENGINE_ARGS"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_what_is_set_reaches_the_build(variables):
    variables.setenv("VARIANT", "cuda")
    variables.setenv("BASE", "registry.example.org/python:3.11")
    variables.setenv("ENGINE_ARGS", "--add-host 'pypi.example.org:192.0.2.1'")
    torch = build.command("podman", "torch", "c0ffee")
    assert {"--build-arg=VARIANT=cuda", "--build-arg=BASE=registry.example.org/python:3.11"} <= set(torch)
    assert {"--build-arg=REVISION=c0ffee", "--add-host", "pypi.example.org:192.0.2.1"} <= set(torch)
    assert not any("VARIANT" in word for word in build.command("podman", "data", "c0ffee"))


def test_folders_that_pip_reads_are_mounted_where_the_engine_can(variables):
    variables.setenv("PIP_FIND_LINKS", "/wheels")
    variables.setenv("PIP_CERT", "/etc/ssl/hospital.pem")
    mounts = {"--volume=/wheels:/wheels:ro", "--volume=/etc/ssl/hospital.pem:/etc/ssl/hospital.pem:ro"}
    assert mounts <= set(build.command("buildah", "data", ""))
    assert not mounts & set(build.command("docker", "data", ""))
    variables.setenv("PIP_FIND_LINKS", "https://wheels.example.org")
    assert not any("/wheels" in word for word in build.command("podman", "data", "") if "volume" in word)


def test_dockerfiles_differ_in_what_they_must_alone():
    def body(image: str) -> str:
        _, text = (build.ROOT / "images" / image / "Dockerfile").read_text().split("\n", 1)
        lock = "requirements.${VARIANT}.lock" if image in build.VARIED else "requirements.lock"
        text = text.replace("ARG VARIANT=cpu\n", "").replace(lock, "LOCK")
        text = "".join(part for part in re.split(COMPILER, text))
        return text.replace(f"images/{image}/", "images/IMAGE/").replace(f'"medgantry {image}"', "TITLE")

    assert body("data") == body("torch") == body("serve") == body("features")
