"""When the objects of a network run: the order of calls in each step of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .brian2_state import ClockHand

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from brian2 import Clock

    from .brian2_code import Call

__all__ = ["Tick", "make_schedule"]

#: Times are equal if they differ by less than this part of a time step; Brian2's own tolerance.
_TOLERANCE = 1e-4


class Tick(NamedTuple):
    """A moment at which one or more clocks tick: the calls that are due, and the clocks that then go on."""

    calls: list[Call]
    hands: tuple[ClockHand, ...]


def make_schedule(
    calls: Iterable[tuple[Clock, Sequence[Call], np.ndarray | None]], image_clock: Clock, steps: int
) -> list[list[Tick]]:
    """The ticks of each step of an image, as `Network.run` would have them from time 0 on.

    With a single clock a step is one tick. An object with a clock of its own is called
    whenever that clock ticks.

    Parameters
    ----------
    calls : iterable of (brian2.Clock, sequence of Call, ndarray of bool or None)
        The calls of each object with its clock, in the order in which they run within a tick, and the steps of the
        image in which they are needed; None for all.
    image_clock : brian2.Clock
        Its ticks are the steps of the image.
    steps : int
        T, the number of steps.

    Returns
    -------
    list of list of Tick
        By step: the tick of the image clock, and those of other clocks before the next one.
    """
    calls = list(calls)
    hands = {image_clock: ClockHand(image_clock)}
    for clock, _, _ in calls:
        hands.setdefault(clock, ClockHand(clock))
    end = steps * image_clock.dt_
    schedule: list[list[Tick]] = []
    for clocks in _moments([clock for clock in hands], end):
        if image_clock in clocks:
            schedule.append([])
        step = len(schedule) - 1
        due = [
            call
            for clock, some, needed in calls
            if clock in clocks and (needed is None or needed[step])
            for call in some
        ]
        schedule[-1].append(Tick(due, tuple(hands[clock] for clock in clocks)))
    return schedule


def _moments(clocks, end):
    """The sets of clocks that tick at the same time, from time 0 until the end."""
    ticks = []
    for clock in clocks:
        dt = clock.dt_
        count = round(end / dt)
        if count * dt < end - _TOLERANCE * dt:
            count += 1
        ticks += [(k * dt, n) for k in range(count) for n in [clocks.index(clock)]]
    ticks.sort()
    moments: list[set] = []
    begun = 0.0
    for time, n in ticks:
        if not moments or time - begun >= _TOLERANCE * min(clock.dt_ for clock in clocks):
            moments.append(set())
            begun = time
        moments[-1].add(clocks[n])
    return map(frozenset, moments)
