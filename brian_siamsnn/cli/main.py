"""The command line: ``brian-siamsnn``."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
import cv2
from tqdm import tqdm

from .. import __version__
from ..crops import room_to_grow
from ..environment import quiet, versions
from ..errors import InputError, reason_of
from .bench import bench_command
from .devices import devices
from .doctor import doctor_command
from .energy import energy_command
from .equations import equations_command
from .evaluate import evaluate_command
from .inspect import inspect_command
from .models import train_command, weights
from .options import Box, prepare, tracking_options, view_options
from .spikes import spikes_command
from .vot import vot_command

if TYPE_CHECKING:
    from typing import Any, NoReturn

    from .options import BoxValue

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Track an object through a video with a spiking Siamese network, written as Brian2 equations."""


@cli.command("track")
@click.argument("source")
@click.option(
    "--init",
    "box",
    type=Box(),
    help="The object's box in the first frame; x and y count from zero. Drawn "
    "with the mouse where it is absent and the source has none.",
)
@tracking_options
@view_options
def track_command(source: str, box: BoxValue | None, **options: Any) -> int:
    """Track one object through SOURCE.

    SOURCE is a video file, a camera's number, a folder of images, an OTB, VOT
    or GOT-10k sequence (its first box is taken where --init is absent), or
    'synthetic'.
    """
    return _track(source, box, **options)


@cli.command()
@tracking_options
@view_options
def demo(**options: Any) -> int:
    """Track a fish through a rendered sequence; needs no files.

    Its true boxes are known, so the summary has overlap, AUC and precision.
    """
    return _track("synthetic", None, **options)


def _track(
    source: str,
    given: BoxValue | None,
    model: str,
    kind: str,
    steps: int,
    matching: str,
    coding: str,
    hidden_coding: str,
    pooling: str,
    v_init: float | None,
    threshold_scale: float,
    early_stop: int | None,
    scales: str,
    frames: int | None,
    output: Path | None,
    show: bool,
    report: bool,
    **constants: Any,
) -> int:
    # imported here so that --help and a mistyped option answer at once, and what needs Brian2 after what may be wrong
    from ..files import write_json
    from ..model.files import load_model
    from ..reporting.page import write_report
    from ..sequences.sources import open_sequence
    from ..tracking.live import LiveView, draw_box, require_window
    from ..tracking.run import known_box, track

    sequence = open_sequence(source)
    drawn = given is None and sequence.first_box is None
    if drawn:
        require_window(
            f"{sequence.name}: no box is known for its first frame, and drawing one", "give it with --init x,y,w,h"
        )
    else:
        box = known_box(sequence, given)
        if not sequence.live:
            height, width = next(iter(sequence)).shape[:2]
            room_to_grow(box, width, height)  # a box that is off is said before anything is compiled
    if show:
        require_window("--show", "leave it out; tracked.mp4 and --report show the same afterwards")
    network = load_model(model)
    from ..energy.counter import OperationCounter
    from ..matching.matchers import ConvolutionalMatcher, SpikingMatcher
    from ..model.conversion import scale_thresholds
    from ..reporting.collector import Recorder
    from ..tracking.tracker import SiameseTracker

    quiet()
    if kind == "snn":
        network = scale_thresholds(network, threshold_scale)
        matcher: Any = SpikingMatcher(
            network,
            steps,
            matching,
            coding,
            crops=int(scales),
            early_stop=early_stop,
            hidden_coding=hidden_coding,
            pooling=pooling,
            v_init=v_init,
            **constants,
        )
    else:
        matcher = ConvolutionalMatcher(network)
    prepare(matcher)
    if drawn:
        box, sequence = draw_box(sequence)
    spiking = kind == "snn"
    meter = OperationCounter(matcher) if report and spiking else None
    recorder = Recorder(meter) if report else None
    folder = output or Path("brian-siamsnn-output") / sequence.name
    total = min(filter(None, (sequence.frame_count, frames)), default=None)
    with ExitStack() as stack:
        watchers: list[Any] = [recorder] if report else []
        if show:
            watchers.append(stack.enter_context(LiveView(sequence.name)))
        bar = stack.enter_context(tqdm(total=total, desc=sequence.name, unit=" frames", disable=None))
        result = track(
            sequence, SiameseTracker(meter or matcher, int(scales)), box, frames, folder, bar.update, watchers=watchers
        )
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
        **{key: value if spiking else None for key, value in constants.items()},
        "hidden_coding": hidden_coding if spiking else None,
        "pooling": pooling if spiking else None,
        "v_init": v_init if spiking else None,
        "threshold_scale": threshold_scale if spiking else None,
        "early_stop": early_stop if spiking else None,
        "spikes": matcher.spikes if spiking else None,
        "synaptic_operations": matcher.operations if spiking else None,
        "pooling_events": matcher.pooling_events if spiking else None,
        **result.metrics,
        "stopped": result.stopped,
        "versions": versions(),
    }
    write_json(folder / "summary.json", summary)
    if report:
        write_report(folder / "report.html", sequence.name, recorder, summary, sequence.fps)
    click.echo(_report(summary, folder))
    if report:
        click.echo(f"the report: {folder / 'report.html'}")
    if result.stopped == "interrupted":
        return 130
    if result.stopped:
        raise InputError(f"{result.stopped} (the {len(result.boxes)} frames before it are in {folder})")
    return 0


def _report(summary: dict[str, Any], folder: Path) -> str:
    parts = [f"{summary['frames']} frames"]
    if summary["fps"]:
        parts.append(f"{summary['fps']:.2f} frames/s")
    if summary["spikes"] is not None:
        parts.append(f"{summary['spikes']:,} spikes, {summary['synaptic_operations']:,} synaptic operations")
    if "auc" in summary:
        parts.append(
            f"AUC {summary['auc']:.3f}, precision {summary['precision20']:.3f}, mean overlap {summary['mean_iou']:.3f}"
        )
    return "; ".join(parts) + f"\nboxes.csv, tracked.mp4 and summary.json are in {folder}"


cli.add_command(weights)
cli.add_command(train_command)
cli.add_command(devices)
cli.add_command(doctor_command)
cli.add_command(evaluate_command)
cli.add_command(vot_command)
cli.add_command(bench_command)
cli.add_command(energy_command)
cli.add_command(equations_command)
cli.add_command(inspect_command)
cli.add_command(spikes_command)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; what the user can mend is one line on stderr and exit code 2."""
    # OpenCV and FFmpeg report a broken video on stderr as well, at length; OpenCV 5 moved the switch
    (cv2.setLogLevel if hasattr(cv2, "setLogLevel") else cv2.utils.logging.setLogLevel)(0)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        code = cli.main(args=arguments, prog_name="brian-siamsnn", standalone_mode=False)
    except click.ClickException as error:
        # of click 8.2; before, it exits with 0
        if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
            click.echo(error.format_message())
            sys.exit(0)
        context = getattr(error, "ctx", None)
        hint = f" (see '{context.command_path} --help')" if context else ""
        click.echo(f"error: {error.format_message()}{hint}", err=True)
        sys.exit(2)
    except InputError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except BrokenPipeError:  # whoever read the output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # whatever is wrong with a disk or a file, a user can mend
        click.echo(f"error: {error.filename or 'files'}: {error.strerror or reason_of(error)}", err=True)
        sys.exit(2)
    except MemoryError as error:
        click.echo(f"error: not enough memory ({error}); take fewer --steps or a smaller --model", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    sys.exit(code or 0)
