"""Whoever listens is told of stages and passes in its own context, and nobody pays where nobody listens."""

import asyncio
import threading

import pytest

from medgantry.stages import listening, network_pass, stage


class Heard:
    def __init__(self):
        self.stages = []
        self.sizes = []

    def took(self, name, seconds):
        assert seconds >= 0
        self.stages.append(name)

    def passed(self, size):
        self.sizes.append(size)


@stage("network")
def work(size):
    network_pass(size)


def test_a_listener_hears_what_happens_while_it_listens():
    heard = Heard()
    work(1)
    with listening(heard):
        work(2)
        with pytest.raises(ZeroDivisionError), stage("write"):
            1 / 0  # noqa: B018
    work(3)
    assert (heard.stages, heard.sizes) == (["network", "write"], [2])


def test_requests_in_threads_side_by_side_do_not_mix():
    both = threading.Barrier(2, timeout=30)

    def answer(size):
        with stage("read" if size == 1 else "inverse"):
            both.wait()  # within a stage of each
        work(size)
        both.wait()

    async def request(size):
        heard = Heard()
        with listening(heard):
            await asyncio.to_thread(answer, size)
        return heard

    async def main():
        return await asyncio.gather(request(1), request(2))

    first, second = asyncio.run(main())
    assert (first.stages, first.sizes) == (["read", "network"], [1])
    assert (second.stages, second.sizes) == (["inverse", "network"], [2])
