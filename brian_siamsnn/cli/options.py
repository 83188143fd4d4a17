"""What several commands share: their options, the box type, and how a matcher is made ready."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from ..matching.similarity import MATCHINGS
from ..tracking.config import TrackerConfig
from ..tracking.tracker import SCALES

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..energy.counter import OperationCounter
    from ..matching.matchers import ConvolutionalMatcher, SpikingMatcher

    #: A function that becomes a command.
    Command: TypeAlias = Callable[..., Any]

__all__ = ["Box", "BoxValue", "coding_options", "matcher_options", "prepare", "tracking_options", "view_options"]


#: What an option of the type `Box` gives.
BoxValue: TypeAlias = tuple[float, ...]


class Box(click.ParamType):
    """Four numbers x,y,w,h."""

    name = "x,y,w,h"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> BoxValue:
        """Read the text of the option."""
        try:
            box = tuple(float(part) for part in value.split(","))
        except ValueError:
            box = ()
        if len(box) != 4:
            self.fail(f"expected four numbers x,y,w,h, got {value!r}; for example 205,151,17,50", parameter, context)
        return box


def coding_options(command: Command) -> Command:
    """Options that describe the spiking network: its time steps and neurons."""
    return _apply(
        command,
        [
            click.option(
                "--steps",
                type=click.IntRange(1),
                default=20,
                show_default=True,
                help="Time steps T that each image is shown for.",
            ),
            click.option(
                "--coding",
                default="rate",
                show_default=True,
                metavar="NAME|FILE",
                help="Neuron model of the output layer: rate, phase, burst, two_status, "
                "two_status:reading=ceil,beta=0.7 or the like, or a TOML file (see 'brian-siamsnn "
                "equations').",
            ),
            click.option(
                "--hidden-coding",
                default="rate",
                show_default=True,
                metavar="NAME|FILE",
                help="Neuron model of the layers before it.",
            ),
            click.option(
                "--pooling",
                default="max_pool",
                show_default=True,
                metavar="NAME|FILE",
                help="Gate of the pooling layers: max_pool, max_pool_first, max_pool_all, or a TOML file.",
            ),
            click.option(
                "--v-init", type=float, help="Membrane potential before the first step [default: the model's]."
            ),
            click.option(
                "--threshold-scale",
                type=click.FloatRange(0, min_open=True),
                default=1.0,
                show_default=True,
                help="Multiply all thresholds: above 1 fewer spikes and less energy (see docs/energy.md).",
            ),
        ],
    )


def matcher_options(command: Command) -> Command:
    """Options that say which tracker it is."""
    return _apply(
        command,
        [
            click.option(
                "--model",
                default="compact",
                show_default=True,
                metavar="NAME|FILE",
                help="A model that ships, or a model file.",
            ),
            click.option(
                "--tracker",
                "kind",
                type=click.Choice(["snn", "cnn"]),
                default="snn",
                show_default=True,
                help="The spiking network, or the CNN it was converted from (needs PyTorch).",
            ),
            click.option(
                "--matching",
                type=click.Choice(MATCHINGS),
                default="hsm",
                show_default=True,
                help="How spike trains are compared (Eq. 6-9).",
            ),
            click.option(
                "--tau",
                type=click.IntRange(0),
                default=1,
                show_default=True,
                help="Response period of the temporal matching, in steps (Eq. 8).",
            ),
            click.option(
                "--lambda-v",
                type=click.FloatRange(0),
                default=1.0,
                show_default=True,
                help="Weight of the matching in potential (Eq. 9).",
            ),
            click.option(
                "--lambda-t",
                type=click.FloatRange(0),
                default=20.0,
                show_default=True,
                help="Weight of the matching in time (Eq. 9).",
            ),
            coding_options,
            click.option(
                "--early-stop",
                type=click.IntRange(1),
                metavar="N",
                help="End a frame before T once the response has peaked in one place for N more steps.",
            ),
            click.option(
                "--scales",
                type=click.Choice([str(n) for n in SCALES]),
                default="3",
                show_default=True,
                help="Sizes of the search region that are tried in each frame.",
            ),
        ],
    )


def tracking_options(command: Command) -> Command:
    """Options that ``track`` and ``demo`` share."""
    return matcher_options(
        _apply(
            command,
            [
                click.option("--frames", type=click.IntRange(1), help="Stop after so many frames."),
                click.option(
                    "--output",
                    type=click.Path(path_type=Path, file_okay=False),
                    help="Folder for boxes.csv, tracked.mp4 and summary.json [default: brian-siamsnn-output/NAME].",
                ),
            ],
        )
    )


def view_options(command: Command) -> Command:
    """Options of ``track`` and ``demo`` that say how the run is looked at."""
    return _apply(
        command,
        [
            click.option(
                "--show",
                is_flag=True,
                help="Show each frame with its box, response map and spikes in a window; q or Esc ends the run "
                "and keeps what was done.",
            ),
            click.option(
                "--report", is_flag=True, help="Write report.html as well: the run in one file, for any browser."
            ),
        ],
    )


def _apply(command: Command, options: list[Callable[[Command], Command]]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def prepare(matcher: SpikingMatcher | ConvolutionalMatcher | OperationCounter) -> None:
    """Make the code of the equations, and say so, since it takes a while the first time."""
    from brian2 import prefs

    from ..matching.matchers import ConvolutionalMatcher

    if isinstance(matcher, ConvolutionalMatcher):  # it has no equations
        return
    click.echo("preparing the equations (compiled once on a machine, that takes a minute) ...", err=True)
    matcher.prepare()
    if matcher.search_branch.codegen == "numpy" and prefs.codegen.target == "auto":
        click.echo(
            "note: no working C++ compiler for Brian2's Cython code, so the neurons are simulated by its NumPy "
            "code: the same spikes, slower",
            err=True,
        )
