"""Who is let in, and what of a request is never read."""

import asyncio
import threading
import time
from functools import partial
from typing import Any

import pytest
from prometheus_client import REGISTRY

from medgantry.errors import InvalidInput
from medgantry.serving.admission import Admission
from medgantry.serving.gate import Gate
from medgantry.serving.limits import Limits
from medgantry.serving.refusals import Refused

LIMITS = Limits(request_mib=1, concurrency=1, queue=1, body_seconds=1)
POST = {"type": "http", "method": "POST", "headers": []}


class App:
    """Notes what reaches it, and waits until it may answer."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.go = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.bodies.append((await receive())["body"])
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})


async def ask(gate: Gate, parts: list[Any], headers: Any = ()) -> int:
    """Send a body in parts; None is a client that says nothing more."""
    messages = [
        {"type": "http.request", "body": part, "more_body": True} for part in parts if part is not None
    ]
    if parts and parts[-1] is not None:
        messages[-1]["more_body"] = False
    sent: list[Any] = []

    async def receive() -> Any:
        if messages:
            return messages.pop(0)
        await asyncio.sleep(30)

    async def send(message: Any) -> None:
        sent.append(message)

    await gate({**POST, "headers": list(headers)}, receive, send)
    return sent[0]["status"] if sent else 0


def test_some_are_answered_some_wait_and_others_are_told_at_once():
    async def main():
        app = App()
        gate = Gate(app, Admission(LIMITS), LIMITS)
        first, second = (asyncio.create_task(ask(gate, [b"a", b"b"])) for _ in range(2))
        await asyncio.sleep(0.05)
        assert await ask(gate, [b"c"]) == 429
        app.go.set()
        assert await asyncio.gather(first, second) == [200, 200]
        assert app.bodies == [b"ab", b"ab"]
        assert await ask(gate, [b"d"]) == 200

    asyncio.run(main())


def test_a_slow_a_large_and_a_gone_client_leave_their_place():
    async def main():
        app = App()
        app.go.set()
        gate = Gate(app, Admission(LIMITS), LIMITS)
        for _ in range(3):
            assert await ask(gate, [b"x" * 2**19, b"x" * 2**19, b"x"]) == 413
            assert await ask(gate, [b""], [(b"content-length", b"9999999999")]) == 413
        assert await ask(gate, [b"half", None]) == 408
        gone = asyncio.create_task(ask(gate, [b"half", None]))
        await asyncio.sleep(0.05)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        assert app.bodies == []
        assert await asyncio.gather(*(ask(gate, [b"x"]) for _ in range(2))) == [200, 200]

    asyncio.run(main())


def test_a_client_that_hangs_up_reaches_nobody():
    async def main():
        app = App()

        async def receive():
            return {"type": "http.disconnect"}

        await Gate(app, Admission(LIMITS), LIMITS)(POST, receive, None)
        assert app.bodies == []

    asyncio.run(main())


def test_turns_are_taken_one_after_another_and_counted():
    async def main():
        admission, order = Admission(Limits(concurrency=1)), []

        def work(number):
            order.append(f"in {number}")
            assert REGISTRY.get_sample_value("medgantry_running_requests") == 1
            time.sleep(0.01)
            order.append(f"out {number}")

        await asyncio.gather(*(admission.in_turn(partial(work, number)) for number in range(3)))
        assert order == [f"{word} {number}" for number in range(3) for word in ("in", "out")]
        assert REGISTRY.get_sample_value("medgantry_queued_requests") == 0

    asyncio.run(main())


def test_who_goes_away_leaves_no_work_behind_that_nobody_counts():
    async def main():
        admission, started, go = (
            Admission(Limits(concurrency=1, queue=1)),
            threading.Event(),
            threading.Event(),
        )

        def work():
            started.set()
            assert go.wait(60)

        async def request():
            async with admission.admitted():
                await admission.in_turn(work)

        gone = asyncio.create_task(request())
        assert await asyncio.to_thread(started.wait, 60)
        started.clear()
        gone.cancel()
        second = asyncio.create_task(request())
        await asyncio.sleep(0.1)
        assert (gone.done(), started.is_set()) == (False, False), "the turn is taken while its thread works"
        with pytest.raises(Refused):
            await request()
        go.set()
        await second
        assert gone.cancelled()
        assert REGISTRY.get_sample_value("medgantry_running_requests") == 0

    asyncio.run(main())


def test_a_place_is_given_back_when_the_work_fails():
    async def main():
        admission = Admission(Limits(concurrency=1, queue=0))
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                async with admission.admitted():
                    1 / 0  # noqa: B018
        async with admission.admitted():
            with pytest.raises(Refused):
                async with admission.admitted():
                    pass

    asyncio.run(main())


def test_limits_come_from_the_environment_and_are_checked():
    assert Limits.from_environment({"MEDGANTRY_SERVING_QUEUE": "0"}).queue == 0
    assert Limits.from_environment({}) == Limits()
    for wrong in ("many", "-1", "1.5", ""):
        with pytest.raises(InvalidInput, match="MEDGANTRY_SERVING_QUEUE"):
            Limits.from_environment({"MEDGANTRY_SERVING_QUEUE": wrong})
    with pytest.raises(InvalidInput, match="CONCURRENCY"):
        Limits.from_environment({"MEDGANTRY_SERVING_CONCURRENCY": "0"})
