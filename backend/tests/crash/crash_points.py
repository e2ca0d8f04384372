"""Kills the process before and after each port call and commit of a use case, and returns what is broken."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from tests.crash.process import Fault, Killed
from tests.crash.use_cases import UseCase
from tests.crash.world import PAST_A_LEASE, World
from tests.fakes import When

UNREACHED = "the point was not reached"
NewWorld = Callable[[], AbstractAsyncContextManager[World]]


@dataclass(frozen=True)
class Point:
    """A moment of a process, before or after the call with this index."""

    index: int
    when: When

    @property
    def plan(self) -> dict[int, Fault]:
        return {self.index: Fault(self.when, Killed())}


async def record(new_world: NewWorld, case: UseCase) -> list[str]:
    """Return the port calls and commits of an undisturbed run."""
    async with new_world() as world:
        await case.arrange(world)
        await world.restart()
        await world.run(case.act)
        return world.process.calls


def moments_of(calls: list[str]) -> list[Point]:
    """Return the points before each call and after the last.

    Nothing durable happens between two calls, so a point after a call equals the point before the next.
    """
    if not calls:
        return []
    return [Point(index, "before") for index in range(len(calls))] + [Point(len(calls) - 1, "after")]


def points_of(calls: list[str]) -> list[Point]:
    """Return the points before and after each call. Those between two calls differ only in the process's memory."""
    whens: tuple[When, When] = ("before", "after")
    return [Point(index, when) for index in range(len(calls)) for when in whens]


def unlike_moments_of(calls: list[str], before: int = 12) -> list[Point]:
    """Return one point for each sequence of `before` calls that leads to it, because a waiting recovery repeats its
    calls.
    """
    first: dict[tuple[str, ...], Point] = {}
    for point in moments_of(calls):
        end = point.index + (point.when == "after")
        first.setdefault((*calls[max(0, end - before) : end], *calls[end : end + 1]), point)
    return list(first.values())


async def killed_at(new_world: NewWorld, case: UseCase, *points: Point, repeats: bool) -> list[str]:
    """Return what is broken after the process died at the first point, and again in its recovery at the second.

    If `repeats`, the client repeats its request afterwards. Otherwise the reconciler and the workers finish alone.
    Append `UNREACHED` if a point was not reached.
    """
    async with new_world() as world:
        await case.arrange(world)
        await world.restart(points[0].plan)
        answer = await world.run(case.act)
        for point in points[1:]:
            await world.restart(point.plan)
            await world.check()
            await world.run(_recovery(case, repeats))
        unreached = [] if world.process.struck_by else [UNREACHED]
        await world.restart()
        await world.check()
        await _recovery(case, repeats)(world)
        end = await world.end()
        acknowledged = not isinstance(answer, Killed)
        if end not in (case.repeated if repeats or acknowledged else case.abandoned):
            world.found.append(f"it ended as {end}")
        return world.found + unreached


async def recovery_calls(new_world: NewWorld, case: UseCase, first: Point, *, repeats: bool) -> list[str]:
    """Return the calls of an undisturbed recovery from a death at `first`."""
    async with new_world() as world:
        await case.arrange(world)
        await world.restart(first.plan)
        await world.run(case.act)
        await world.restart()
        await _recovery(case, repeats)(world)
        return world.process.calls


def _recovery(case: UseCase, repeats: bool) -> Callable[[World], Awaitable[object]]:
    async def recover(world: World) -> None:
        if repeats:
            world.clock.advance(PAST_A_LEASE)
            await world.run(case.act)
        if not world.process.dead:
            await world.settle()

    return recover
