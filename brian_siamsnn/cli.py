"""The command line: ``brian-siamsnn``."""

import os
import sys
from pathlib import Path

import click
import cv2
from tqdm import tqdm

from . import __version__
from .cli_models import train_command, weights
from .errors import InputError
from .matching import MATCHINGS
from .tracker import SCALES

__all__ = ["main"]


class _Box(click.ParamType):
    name = "x,y,w,h"

    def convert(self, value, parameter, context):
        try:
            box = tuple(float(part) for part in value.split(","))
        except ValueError:
            box = ()
        if len(box) != 4:
            self.fail(f"expected four numbers x,y,w,h, got {value!r}", parameter, context)
        return box


def _tracking_options(command):
    """Options that ``track`` and ``demo`` share."""
    options = [
        click.option("--model", default="compact", show_default=True, metavar="NAME|FILE",
                     help="A model that ships, or a model file."),
        click.option("--tracker", "kind", type=click.Choice(["snn", "cnn"]), default="snn", show_default=True,
                     help="The spiking network, or the CNN it was converted from (needs PyTorch)."),
        click.option("--steps", type=click.IntRange(1), default=20, show_default=True,
                     help="Time steps T that each image is shown for."),
        click.option("--matching", type=click.Choice(MATCHINGS), default="hsm", show_default=True,
                     help="How spike trains are compared (Eq. 6-9)."),
        click.option("--coding", default="rate", show_default=True, metavar="NAME|FILE",
                     help="Neuron model of the output layer: rate, two_status, two_status:reading=ceil,beta=0.7 or the "
                          "like, or a TOML file."),
        click.option("--scales", type=click.Choice([str(n) for n in SCALES]), default="3", show_default=True,
                     help="Sizes of the search region that are tried in each frame."),
        click.option("--frames", type=click.IntRange(1), help="Stop after so many frames."),
        click.option("--output", type=click.Path(path_type=Path, file_okay=False),
                     help="Folder for boxes.csv, tracked.mp4 and summary.json "
                          "[default: brian-siamsnn-output/NAME]."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli():
    """Track an object through a video with a spiking Siamese network, written as Brian2 equations."""


@cli.command("track")
@click.argument("source")
@click.option("--init", "box", type=_Box(), help="The object's box in the first frame; x and y count from zero.")
@_tracking_options
def track_command(source, box, **options):
    """Track one object through SOURCE.

    SOURCE is a video file, a camera's number, a folder of images, an OTB, VOT
    or GOT-10k sequence (its first box is taken where --init is absent), or
    'synthetic'.
    """
    return _track(source, box, **options)


@cli.command()
@_tracking_options
def demo(**options):
    """Track a target in a synthetic sequence, whose boxes are known; needs no files."""
    return _track("synthetic", None, **options)


def _track(source, box, model, kind, steps, matching, coding, scales, frames, output):
    # imported here so that --help and a mistyped option answer at once
    from .matchers import ConvolutionalMatcher, SpikingMatcher
    from .sequences import open_source
    from .tracker import SiameseTracker
    from .tracking import known_box, track, write_json
    from .weights import load

    sequence = open_source(source)
    box = known_box(sequence, box)
    network = load(model)
    _quiet()
    if kind == "snn":
        matcher = SpikingMatcher(network, steps, matching, coding)
    else:
        matcher = ConvolutionalMatcher(network)
    _prepare(matcher)
    folder = output or Path("brian-siamsnn-output") / sequence.name
    total = min(filter(None, (sequence.frame_count, frames)), default=None)
    with tqdm(total=total, desc=sequence.name, unit=" frames", disable=None) as bar:
        result = track(sequence, SiameseTracker(matcher, int(scales)), box, frames, folder, bar.update)
    spiking = kind == "snn"
    summary = {
        "source": str(source),
        "frames": len(result.boxes),
        "seconds": result.seconds,
        "fps": result.fps,
        "model": str(model),
        "tracker": kind,
        "scales": int(scales),
        "steps": steps if spiking else None,
        "matching": matching if spiking else None,
        "coding": coding if spiking else None,
        "spikes": matcher.spikes if spiking else None,
        "synaptic_operations": matcher.operations if spiking else None,
        "pooling_events": matcher.pooling_events if spiking else None,
        **result.metrics,
        "stopped": result.stopped,
        "versions": _versions(),
    }
    write_json(folder / "summary.json", summary)
    click.echo(_report(summary, folder))
    if result.stopped == "interrupted":
        return 130
    if result.stopped:
        raise InputError(f"{result.stopped} (the {len(result.boxes)} frames before it are in {folder})")
    return 0


def _quiet():
    """Leave Brian2's log to errors: what a user has to know is said by this program."""
    from brian2 import BrianLogger, prefs

    prefs.logging.console_log_level = "ERROR"
    BrianLogger.initialize()


def _prepare(matcher):
    from brian2 import prefs

    if not hasattr(matcher, "search_branch"):
        return
    click.echo("preparing the equations (compiled once on a machine, that takes a minute) ...", err=True)
    matcher.prepare()
    if matcher.search_branch.codegen == "numpy" and prefs.codegen.target == "auto":
        click.echo("note: no working C++ compiler for Brian2's Cython code, so the neurons are simulated by its NumPy "
                   "code: the same spikes, slower", err=True)  # fmt: skip


def _versions():
    import brian2
    import numpy

    return {"brian_siamsnn": __version__, "brian2": brian2.__version__, "numpy": numpy.__version__}


def _report(summary, folder):
    parts = [f"{summary['frames']} frames"]
    if summary["fps"]:
        parts.append(f"{summary['fps']:.2f} frames/s")
    if summary["spikes"] is not None:
        parts.append(f"{summary['spikes']:,} spikes, {summary['synaptic_operations']:,} synaptic operations")
    if "auc" in summary:
        parts.append(f"AUC {summary['auc']:.3f}, precision {summary['precision20']:.3f}, "
                     f"mean overlap {summary['mean_iou']:.3f}")  # fmt: skip
    return "; ".join(parts) + f"\nboxes.csv, tracked.mp4 and summary.json are in {folder}"


cli.add_command(weights)
cli.add_command(train_command)


def main(arguments=None):
    """Run the command line; what the user can mend is one line on stderr and exit code 2."""
    # OpenCV and FFmpeg report a broken video on stderr as well, at length; OpenCV 5 moved the switch
    (cv2.setLogLevel if hasattr(cv2, "setLogLevel") else cv2.utils.logging.setLogLevel)(0)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        code = cli.main(args=arguments, prog_name="brian-siamsnn", standalone_mode=False)
    except click.ClickException as error:
        hint = f" (see '{error.ctx.command_path} --help')" if getattr(error, "ctx", None) else ""
        click.echo(f"error: {error.format_message()}{hint}", err=True)
        sys.exit(2)
    except InputError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    sys.exit(code or 0)
