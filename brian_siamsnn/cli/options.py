"""Options that several commands share, and the configuration that they make."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click
from click.core import ParameterSource

from ..matching.similarity import MATCHINGS
from ..tracking.config import TrackerConfig
from ..tracking.presets import PRESETS
from ..tracking.tracker import SCALES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..energy.counter import OperationCounter
    from ..matching.convolutional import ConvolutionalMatcher
    from ..matching.spiking import SpikingMatcher

    #: A function that becomes a command.
    Command: TypeAlias = Callable[..., Any]

__all__ = [
    "Box",
    "BoxValue",
    "coding_option",
    "coding_options",
    "compilation_shown",
    "config_options",
    "is_given",
    "model_option",
    "prepare",
    "scales_option",
    "seed_option",
    "steps_option",
    "tracking_options",
    "view_options",
]


#: Value of an option of type `Box`.
BoxValue: TypeAlias = tuple[float, ...]

#: The defaults of all settings.
_DEFAULTS = {field.name: field.default for field in fields(TrackerConfig)}


class Box(click.ParamType):
    """Four numbers x,y,w,h."""

    name = "x,y,w,h"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> BoxValue:
        """Parse the text of the option.

        Parameters
        ----------
        value : str
            Text such as ``"205,151,17,50"``.
        parameter : click.Parameter, optional
            The option, for messages.
        context : click.Context, optional
            The command, for messages.

        Returns
        -------
        tuple of float
            x, y, width and height.
        """
        try:
            box = tuple(float(part) for part in value.split(","))
        except ValueError:
            box = ()
        if len(box) != 4:
            self.fail(f"expected four numbers x,y,w,h, got {value!r}; for example 205,151,17,50", parameter, context)
        return box


def _setting(name, text, **attributes):
    """Option for a setting of `TrackerConfig`, with its default."""
    if _DEFAULTS[name] is not None:
        attributes |= {"default": _DEFAULTS[name], "show_default": True}
    return click.option(f"--{name.replace('_', '-')}", help=text, **attributes)


model_option = _setting("model", "Name of a shipped model, or a model file.", metavar="NAME|FILE")
steps_option = _setting(
    "steps",
    "Time steps T that each image is shown for [default: p steps for each convolution of a wave, 20 with another "
    "coding].",
    type=click.IntRange(1),
)
scales_option = _setting(
    "scales",
    "Sizes of the search region that are tried in each frame.",
    type=click.Choice([str(n) for n in SCALES]),
    callback=lambda context, parameter, value: int(value),
)

seed_option = _setting(
    "seed",
    "Seed of the random numbers, for neuron models with noise [default: another one in every run].",
    type=click.IntRange(0, 2**32 - 1),
)

_CODING_HELP = (
    "Neuron model of all layers, wave or wave:p=4, or of the output layer: rate, phase, burst, two_status, one with "
    "values such as two_status:reading=ceil,beta=0.7, or a TOML file (see 'brian-siamsnn equations') "
    "[default: wave, or rate if --steps is given]."
)
coding_option = _setting("coding", _CODING_HELP, metavar="NAME|FILE")

_CODING = [
    steps_option,
    coding_option,
    _setting(
        "hidden_coding",
        "Neuron model of the layers before the output [default: the wave, or rate with another coding].",
        metavar="NAME|FILE",
    ),
    _setting(
        "pooling",
        "Gate of the pooling layers: max_pool, max_pool_first, max_pool_all, or_pool (for a wave), or a TOML file "
        "[default: or_pool, or max_pool with a coding that is no wave].",
        metavar="NAME|FILE",
    ),
    _setting("v_init", "Membrane potential before the first step [default: the model's].", type=float),
    _setting(
        "threshold_scale",
        "Multiply all thresholds: above 1, fewer spikes and less energy (see docs/energy.md).",
        type=click.FloatRange(0, min_open=True),
    ),
]
_TRACKER = [
    model_option,
    _setting(
        "tracker",
        "The spiking network, or the CNN that it was converted from (needs PyTorch).",
        type=click.Choice(["snn", "cnn"]),
    ),
    _setting(
        "matching",
        "Similarity of spike trains (Eq. 6-9) [default: psm, or hsm with a coding that is no wave].",
        type=click.Choice(MATCHINGS),
    ),
    _setting("tau", "Response period of temporal matching, in steps (Eq. 8).", type=click.IntRange(0)),
    _setting("lambda_v", "Weight of potential matching (Eq. 9).", type=click.FloatRange(0)),
    _setting("lambda_t", "Weight of temporal matching (Eq. 9).", type=click.FloatRange(0)),
    *_CODING,
    _setting(
        "early_stop",
        "End a frame before T once the response has peaked at one position for N more steps.",
        type=click.IntRange(1),
        metavar="N",
    ),
    scales_option,
    _setting(
        "templates",
        "Exemplars that the tracker remembers: that of the first frame, and the most diverse of later ones.",
        type=click.IntRange(1),
    ),
    seed_option,
]
_PRESET = click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    help="Settings under one name; options beside it change single ones. paper: the paper's own configuration, "
    "with rate coding in the hidden layers and two-status coding at the output.",
)
_RUN = [
    click.option("--frames", type=click.IntRange(1), help="Stop after this many frames."),
    click.option(
        "--output",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder for boxes.csv, tracked.mp4 and summary.json [default: brian-siamsnn-output/NAME].",
    ),
]
_SHOW_HELP = (
    "Show each frame with its box, response map and spikes in a window; q or Esc ends the run and keeps its results."
)
_VIEW = [
    click.option("--show", is_flag=True, help=_SHOW_HELP),
    click.option("--report", is_flag=True, help="Also write report.html: the whole run in one file, for any browser."),
]


def is_given(parameter: str) -> bool:
    """Whether the user gave an option of the current command, rather than leaving it at its default.

    Parameters
    ----------
    parameter : str
        Name of the command's parameter.

    Returns
    -------
    bool
        True also if the value given is that of the default.
    """
    source = click.get_current_context().get_parameter_source(parameter)
    return source not in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)


def coding_options(command: Command) -> Command:
    """Add the options that describe the spiking network: its time steps and neurons.

    Parameters
    ----------
    command : callable
        Gets each option as a parameter of the same name.

    Returns
    -------
    callable
        The command with these options.
    """
    return _add(command, _CODING)


def config_options(command: Command) -> Command:
    """Add an option for every setting of a tracker.

    Parameters
    ----------
    command : callable
        Gets all of them together as ``config``, a `TrackerConfig`.

    Returns
    -------
    callable
        The command with these options.
    """

    @functools.wraps(command)
    def with_config(preset, **options):
        settings = {name: options.pop(name) for name in _DEFAULTS}
        if preset:
            settings |= {name: value for name, value in PRESETS[preset].items() if not is_given(name)}
        return command(config=TrackerConfig(**settings), **options)

    # options of the command itself, added below this decorator, stay in their order
    return _add(with_config, [_PRESET, *_TRACKER])


def tracking_options(command: Command) -> Command:
    """Add the options of a command that tracks one sequence: ``config``, ``frames`` and ``output``.

    Parameters
    ----------
    command : callable
        Gets each option as a parameter of the same name.

    Returns
    -------
    callable
        The command with these options.
    """
    return config_options(_add(command, _RUN))


def view_options(command: Command) -> Command:
    """Add ``show`` and ``report``, which say how a run is looked at.

    Parameters
    ----------
    command : callable
        Gets each option as a parameter of the same name.

    Returns
    -------
    callable
        The command with these options.
    """
    return _add(command, _VIEW)


def _add(command, options):
    for option in reversed(options):
        command = option(command)
    return command


@contextmanager
def compilation_shown() -> Iterator[None]:
    """Say so while equations are compiled within a block, since that takes seconds; say nothing if none are."""
    from ..network.brian2_cache import report_compilation

    count = 0

    def show():
        nonlocal count
        if count == 0:
            click.echo("compiling the equations (once on a machine): ", nl=False, err=True)
        count += 1
        click.echo(f"{count} ", nl=False, err=True)

    try:
        with report_compilation(show):
            yield
    finally:
        if count:
            click.echo(err=True)


def prepare(matcher: SpikingMatcher | ConvolutionalMatcher | OperationCounter) -> None:
    """Generate and compile the code of the equations, and say so if something is compiled.

    Parameters
    ----------
    matcher : SpikingMatcher, ConvolutionalMatcher or OperationCounter
        A CNN needs no preparation.
    """
    from brian2 import prefs

    from ..matching.convolutional import ConvolutionalMatcher

    if isinstance(matcher, ConvolutionalMatcher):  # it has no equations
        return
    with compilation_shown():
        matcher.prepare()
    if matcher.search_branch.codegen == "numpy" and prefs.codegen.target == "auto":
        click.echo(
            "note: there is no working C++ compiler for Brian2's Cython code, so Brian2 simulates the neurons in "
            "NumPy: the same spikes, slower",
            err=True,
        )
