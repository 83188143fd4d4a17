"""A Brian2 network that is prepared once and stepped for every image, with whatever a user adds to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from brian2 import get_device

from ..errors import InputError, reason_of
from .brian2_attached import ObjectsInOrder, finish_attached, observed_groups, prepare_attached, was_stopped
from .brian2_code import calls_of, check_compiled, generate_shared
from .brian2_state import ClockHand, scalar_constants, time_records, values_of
from .schedule import make_schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Mapping

    from brian2 import Clock, Network
    from brian2.core.base import BrianObject

    from .brian2_code import Call, FusedPass
    from .resting import RestingLayers
    from .schedule import Tick
    from .window_pass import WindowPass

__all__ = ["SteppedNetwork"]


class SteppedNetwork:
    """Runs the objects of a network as `Network.run` does, without generating all code again.

    The network's own objects are those that it has now. Their code is generated
    once, and again if something changes that it depends on. What is added later is
    prepared for every run, as `Network.run` does, and the schedule is made anew.

    Parameters
    ----------
    network : brian2.Network
        The network.
    clock : brian2.Clock
        The clock of its own objects.
    steps : int
        T, the time steps of a run.
    groups : mapping of str to brian2.NeuronGroup
        Its layers.
    passes : mapping of str to FusedPass
        The fused pass of each layer, used unless an attached object looks at the layer.
    apart : collection of str
        Layers whose passes are never fused, and whose code runs in every step.
    resting : RestingLayers, optional
        Says in which steps the code of a layer can be left out, unless an attached object looks at the layer. None by
        default: all code runs in all steps.
    windows : WindowPass, optional
        Simulates a wave window by window while nothing is attached; None by default.
    """

    def __init__(
        self,
        network: Network,
        clock: Clock,
        steps: int,
        groups: Mapping[str, Any],
        passes: Mapping[str, FusedPass],
        apart: Collection[str],
        resting: RestingLayers | None = None,
        windows: WindowPass | None = None,
    ) -> None:
        self._network, self._clock, self._steps = network, clock, steps
        self._groups, self._passes, self._apart = groups, passes, apart
        self._resting, self._windows = resting, windows
        self._objects = ObjectsInOrder(network)
        self._as_built = list(self._objects())
        self._own = frozenset(self._as_built)
        self._attached: list[BrianObject] = []
        self._synapses = [item for item in self._own if hasattr(item, "delay")]
        self._hand = ClockHand(clock)
        self._times = time_records(self._own)
        self._constants = scalar_constants(self._own)
        self._schedule: list[list[Tick]] = []
        self._window_calls: list[Call] = []
        self._generated_for: tuple[Any, ...] = ()

    def prepare(self) -> None:
        """Let Brian2 generate and compile the code of all objects, as far as that is necessary.

        Raises
        ------
        InputError
            If Brian2 cannot generate code, Cython does not compile it, or another device was selected.
        """
        if get_device().__class__.__name__ != "RuntimeDevice":
            raise InputError(
                f"device: this branch was built for Brian2's runtime device, but set_device selected "
                f"{get_device().__class__.__name__}; call brian2.set_device('runtime') before it is run"
            )
        objects = [item for item in self._objects() if item.active]
        attached = self._attached = [item for item in objects if item not in self._own]
        apart = observed_groups(self._groups, attached).union(self._apart)
        fused = [one for name, one in self._passes.items() if name not in apart and one.usable]
        generated_for = (objects, fused, *self._outside_the_equations())
        changed = generated_for != self._generated_for
        if changed:
            self._generate([item for item in objects if item in self._own], fused)
            self._generated_for = generated_for
        if attached:
            prepare_attached(self._network, attached)
        if changed or attached:
            self._schedule = make_schedule(self._calls(objects, fused, apart), self._clock, self._steps)
            windows = self._windows if objects == self._as_built else None
            self._window_calls = windows.calls() if windows is not None and windows.usable else []

    def _outside_the_equations(self):
        """What generated code takes as given: constants of the namespaces, shared constants, numbers of synapses."""
        # identities: the values stay alive as long as the groups have them, and arrays are not compared
        names = [id(value) for group in self._groups.values() for value in group.namespace.values()]
        sizes = [len(item) for item in self._synapses]
        return names, values_of(self._constants), sizes

    def _generate(self, objects, fused):
        """Generate the code of the network's own objects."""
        replaced = {item for one in fused for item in one.replaced}

        def generate():
            for one in fused:
                one.generate()
            for item in objects:
                if item not in replaced:
                    item.before_run({})

        try:
            generate_shared(self._groups.values(), generate)
        except Exception as error:  # Brian2's code generation raises exceptions of many types
            raise InputError(f"Brian2 cannot generate code for these equations: {reason_of(error)}") from error

    def _calls(self, objects, fused, apart):
        """The calls of each object in a step, with its clock and the steps in which they are needed."""
        working = self._working_steps(fused, apart)
        codes: dict[BrianObject, list[Any]] = {item: [] for one in fused for item in one.replaced}
        codes |= {one.thresholder: [one.code] for one in fused}
        for item in objects:
            check_compiled(item.name, codes.get(item, item.code_objects))
            yield item.clock, calls_of(item, codes.get(item), strict=item in self._own), working.get(item)

    def _working_steps(self, fused, apart):
        if self._resting is None:
            return {}
        by_layer = self._resting.working_steps().items()
        working = {
            item: steps for layer, of_layer in by_layer if layer not in apart for item, steps in of_layer.items()
        }
        for one in fused:  # a pass is needed whenever a part of it is
            if one.thresholder in working:
                working[one.thresholder] = np.any([working[item] for item in one.replaced], axis=0)
        return working

    def restart(self) -> None:
        """Set the time to 0, with all that keeps times (`time_records`)."""
        attached = [item for item in self._objects() if item not in self._own]
        for forget in (*self._times, *time_records(attached)):
            forget(self._network.t_)
        self._hand.set(0)
        for clock in {item.clock for item in attached}:
            ClockHand(clock).set(0)
        self._network.t_ = 0.0

    def run_whole(self, execute: Callable[[Call], Any]) -> None:
        """Run T steps that nobody looks at one by one, after `restart` and `prepare`: by windows if that is possible.

        Parameters
        ----------
        execute : callable
            Runs one `Call`.

        Raises
        ------
        InputError
            As from `run`.
        """
        if not self._window_calls:
            for _ in self.run(execute):
                pass
            return
        for call in self._window_calls:
            execute(call)
        self._hand.set(self._steps)
        self._network.t_ = self._hand.time

    def run(self, execute: Callable[[Call], Any]) -> Generator[int, None, None]:
        """Run T steps from time 0 on, after `restart` and `prepare`; fewer if an attached object stops the network.

        Parameters
        ----------
        execute : callable
            Runs one `Call`.

        Yields
        ------
        int
            Number of steps that were run, after each one.

        Raises
        ------
        InputError
            If the equations raise an exception; one that an attached object raises is passed on.
        """
        attached, call = self._attached, None
        try:
            for k, ticks in enumerate(self._schedule, 1):
                for calls, hands in ticks:
                    self._network.t_ = hands[0].time
                    for call in calls:
                        execute(call)
                    for hand in hands:
                        hand.advance()
                    if attached and was_stopped(self._network):
                        return
                yield k
        except Exception as error:
            if call is None or call.name in {item.name for item in attached}:
                raise
            step = int(self._hand.step[0])
            raise InputError(f"step {step}: these equations cannot be run: {reason_of(error)}") from error
        finally:
            self._network.t_ = self._hand.time
            finish_attached(attached)
