"""What a user attaches to a network: which layers it can see, and getting it ready as `Network.run` does."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from brian2 import Network

from ..errors import InputError, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from brian2 import NeuronGroup
    from brian2.core.base import BrianObject

__all__ = ["ObjectsInOrder", "finish_attached", "observed_groups", "prepare_attached", "was_stopped"]

_PACKAGE = __name__.partition(".")[0]


class ObjectsInOrder:
    """The objects of a network in the order in which they run, sorted again only if something has changed.

    Parameters
    ----------
    network : brian2.Network
        The network.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._sorted_for: list[Any] = []
        self._sorted: list[BrianObject] = []

    def __call__(self) -> list[BrianObject]:
        """Return what `Network.sorted_objects` is now."""
        now: list[Any] = [tuple(self._network.schedule)]
        _add_places(now, self._network.objects)
        if now != self._sorted_for:
            self._sorted_for, self._sorted = now, self._network.sorted_objects
        return self._sorted


def _add_places(places, objects):
    for item in objects:
        places.append((id(item), item.when, item.order))
        if item.contained_objects:
            _add_places(places, item.contained_objects)


def observed_groups(groups: Mapping[str, NeuronGroup], attached: Iterable[BrianObject]) -> set[str]:
    """The groups that objects may read or change.

    Parameters
    ----------
    groups : mapping of str to brian2.NeuronGroup
        The groups, by any key.
    attached : iterable of brian2.BrianObject
        The objects. A function of Python (`network_operation`) may look at everything.

    Returns
    -------
    set of str
        Keys of the groups.
    """
    seen: set[str] = set()
    for item in attached:
        holders: list[Any] = [holder for holder in (item, getattr(item, "group", None)) if hasattr(holder, "variables")]
        if not holders and not item._dependencies:
            return set(groups)
        owners = [getattr(v, "owner", None) for holder in holders for v in holder.variables.values()]
        names = {getattr(owner, "name", None) for owner in owners}
        seen |= {key for key, group in groups.items() if group.name in names or group.id in item._dependencies}
    return seen


def prepare_attached(network: Network, attached: Iterable[BrianObject]) -> None:
    """Get attached objects ready for a run, as `Network.run` does for all objects of a network.

    Names that their equations do not define are looked up where the branch is run, as Brian2 does.

    Parameters
    ----------
    network : brian2.Network
        The network that they are part of.
    attached : iterable of brian2.BrianObject
        Those that are active, in the order in which they run.

    Raises
    ------
    InputError
        If two objects have the same name, an object is missing that another one depends on, or Brian2 cannot prepare
        an object.
    """
    names = Counter(item.name for item in network.sorted_objects)
    if twice := sorted(name for name, count in names.items() if count > 1):
        raise InputError(
            f"{twice[0]}: expected one object of this name in the network, got {names[twice[0]]}; give objects other "
            "names, or a branch a prefix="
        )
    try:
        network.check_dependencies()
    except ValueError as error:
        raise InputError(f"network: {reason_of(error)}; add that object too") from error
    network._stopped = Network._globally_stopped = False
    namespace = _namespace_of_caller()
    for item in attached:
        if item._network not in (None, network.id):
            raise InputError(f"{item.name}: it has been run in another network; an object belongs to one network")
        item._network = network.id
        try:
            item.before_run(namespace)
        except Exception as error:  # Brian2 raises exceptions of many types
            raise InputError(f"{item.name}: Brian2 cannot prepare this object: {reason_of(error)}") from error


def finish_attached(attached: Iterable[BrianObject]) -> None:
    """End a run of attached objects, as `Network.run` does.

    Parameters
    ----------
    attached : iterable of brian2.BrianObject
        Those that `prepare_attached` prepared.
    """
    for item in attached:
        item.after_run()


def was_stopped(network: Network) -> bool:
    """Whether an operation has called `Network.stop` or `brian2.stop` since `prepare_attached`.

    Parameters
    ----------
    network : brian2.Network
        The network.

    Returns
    -------
    bool
        True if its run ends with the current tick.
    """
    return network._stopped or Network._globally_stopped


def _namespace_of_caller() -> dict[str, Any]:
    """Global and local names of the innermost function that is not part of this package."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame = frame.f_back
    return {**frame.f_globals, **frame.f_locals}
