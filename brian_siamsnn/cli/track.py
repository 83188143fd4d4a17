"""The commands ``track`` and ``demo``: one object in a source, or in a rendered sequence."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
from tqdm import tqdm

from ..crops import room_to_grow
from ..environment import quiet, versions
from ..errors import InputError
from ..files import write_json
from .options import Box, prepare, tracking_options, view_options

if TYPE_CHECKING:
    from typing import Any

    from ..tracking.config import TrackerConfig
    from .options import BoxValue

__all__ = ["demo_command", "track_command"]

_INIT_HELP = (
    "Box of the object in the first frame (see --start-frame); x and y count from zero. By default the source's own "
    "box; if it has none, you draw one with the mouse."
)


@click.command("track")
@click.argument("source")
@click.option("--init", "box", type=Box(), help=_INIT_HELP)
@click.option(
    "--start-frame",
    "start",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="Leave out the first N frames; the first frame tracked is then frame 0 of the results.",
)
@tracking_options
@view_options
def track_command(source: str, box: BoxValue | None, start: int, **options: Any) -> int:
    """Track one object through SOURCE.

    SOURCE is a video file, the address of a stream (rtsp://...), - for the
    standard input, a camera index, a folder of images, an OTB, VOT or GOT-10k
    sequence, or 'synthetic'.
    """
    return _track(source, box, start, **options)


@click.command("demo")
@tracking_options
@view_options
def demo_command(**options: Any) -> int:
    """Track a fish through a rendered sequence; needs no files.

    The ground truth is known, so the summary includes overlap, AUC and precision.
    """
    return _track("synthetic", None, 0, **options)


def _track(
    source: str,
    given: BoxValue | None,
    start: int,
    config: TrackerConfig,
    frames: int | None,
    output: Path | None,
    show: bool,
    report: bool,
) -> int:
    # imported here so that --help and a mistyped option answer at once
    from ..sequences.captures import public_address
    from ..sequences.frames import starting_at
    from ..sequences.sources import open_sequence
    from ..tracking.live import LiveView, draw_box, require_window
    from ..tracking.run import known_box, track

    sequence = starting_at(open_sequence(source), start)
    drawn = given is None and sequence.first_box is None
    if drawn:
        purpose = f"{sequence.name}: no box is known for its first frame, and drawing one"
        require_window(purpose, "give it with --init x,y,w,h")
    else:
        box = known_box(sequence, given)
        if not sequence.live:
            height, width = next(iter(sequence)).shape[:2]
            room_to_grow(box, width, height)  # reports an invalid box before anything is compiled
    if show:
        require_window("--show", "omit it; tracked.mp4 and --report show the same afterwards")
    quiet()
    matcher = config.build_matcher()
    prepare(matcher)
    if drawn:
        box, sequence = draw_box(sequence)
    # these need Brian2, which takes a second to import
    from ..energy.counter import OperationCounter
    from ..matching.spiking import SpikingMatcher
    from ..reporting.collector import ReportCollector
    from ..reporting.page import write_report

    counter = OperationCounter(matcher) if report and isinstance(matcher, SpikingMatcher) else None
    collector = ReportCollector(counter) if report else None
    folder = output or Path("brian-siamsnn-output") / sequence.name
    total = min(filter(None, (sequence.frame_count, frames)), default=None)
    with ExitStack() as stack:
        watchers: list[Any] = [collector] if report else []
        if show:
            watchers.append(stack.enter_context(LiveView(sequence.name)))
        bar = stack.enter_context(tqdm(total=total, desc=sequence.name, unit=" frames", disable=None))
        tracker = config.tracker_with(counter or matcher)
        result = track(sequence, tracker, box, frames, folder, bar.update, watchers=watchers)
    summary = {
        "source": public_address(source),
        "start_frame": start,
        "frames": len(result.boxes),
        "seconds": result.seconds,
        "fps": result.fps,
        **config.settings,
        # the CNN has no spikes
        "spikes": getattr(matcher, "spikes", None),
        "synaptic_operations": getattr(matcher, "operations", None),
        "pooling_events": getattr(matcher, "pooling_events", None),
        **result.metrics,
        "stopped": result.stopped,
        "versions": versions(),
    }
    write_json(folder / "summary.json", summary)
    if report:
        write_report(folder / "report.html", sequence.name, collector, summary, sequence.fps)
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
