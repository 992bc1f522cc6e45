"""The queue before a local model: bounded in length and in time."""

import asyncio
import threading

import pytest

from insource.gateway.tasks.line import Line, Overloaded


def run(main):
    return asyncio.run(asyncio.wait_for(main, 10))


@pytest.mark.parametrize(("slots", "waiting", "calls"), [(1, 0, 3), (1, 2, 6), (3, 0, 5), (2, 4, 9)])
def test_at_most_slots_and_waiting_calls_are_taken(slots, waiting, calls):
    release = threading.Event()

    async def main():
        line = Line(slots, waiting=waiting, deadline_s=10)
        taken = [asyncio.ensure_future(line.run(release.wait)) for _ in range(calls)]
        refused = calls - slots - waiting
        while sum(one.done() for one in taken) < refused:
            await asyncio.sleep(0)
        assert (line.under_way, line.waiting) == (slots, waiting)
        release.set()
        answers = await asyncio.gather(*taken, return_exceptions=True)
        line.close()
        return answers

    answers = run(main())
    assert answers[: slots + waiting] == [True] * (slots + waiting)
    assert all(isinstance(one, Overloaded) for one in answers[slots + waiting :])


def test_calls_are_answered_in_the_order_of_their_arrival():
    order = []

    async def main():
        line = Line(1, waiting=9, deadline_s=10)
        await asyncio.gather(*(line.run(lambda at=at: order.append(at)) for at in range(10)))
        line.close()

    run(main())
    assert order == list(range(10))


def test_a_call_that_is_given_up_keeps_its_slot_until_the_model_is_done():
    release = threading.Event()

    async def main():
        line = Line(1, waiting=5, deadline_s=0.05)
        with pytest.raises(Overloaded, match=r"within 0\.05 s"):
            await line.run(release.wait)
        assert line.under_way == 1
        with pytest.raises(Overloaded):
            await line.run(release.wait)
        assert (line.under_way, line.waiting) == (1, 0)
        release.set()
        while line.under_way:
            await asyncio.sleep(0.001)
        assert await line.run(lambda: "free") == "free"
        line.close()

    run(main())


def test_a_client_that_leaves_gives_its_place_up():
    release = threading.Event()

    async def main():
        line = Line(1, waiting=1, deadline_s=10)
        first = asyncio.ensure_future(line.run(release.wait))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(line.run(release.wait))
        await asyncio.sleep(0)
        assert line.waiting == 1
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        assert line.waiting == 0
        third = asyncio.ensure_future(line.run(release.wait))
        await asyncio.sleep(0)
        release.set()
        assert await asyncio.gather(first, third) == [True, True]
        line.close()

    run(main())


def test_the_work_s_own_error_is_not_overload():
    async def main(work):
        line = Line(1, waiting=1, deadline_s=10)
        try:
            await line.run(work)
        finally:
            line.close()

    for error in (ValueError("no"), TimeoutError("of the work")):

        def work(error=error):
            raise error

        with pytest.raises(type(error)) as caught:
            run(main(work))
        assert str(caught.value) == str(error)  # a future may hand on a copy


def test_the_wait_is_judged_by_the_answers_so_far():
    release = threading.Event()

    async def main():
        line = Line(1, waiting=2, deadline_s=10)
        line._mean_s = 7.0  # as after answers of seven seconds
        taken = [asyncio.ensure_future(line.run(release.wait)) for _ in range(3)]
        while line.waiting < 2:
            await asyncio.sleep(0)
        with pytest.raises(Overloaded) as caught:
            await line.run(release.wait)
        release.set()
        await asyncio.gather(*taken)
        line.close()
        return caught.value.retry_after_s

    assert run(main()) == 21  # three calls are before the next one
