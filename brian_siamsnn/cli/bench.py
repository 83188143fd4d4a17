"""The command ``bench``: how fast a model tracks on this machine, and where the time is spent."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from tqdm import tqdm

from ..environment import quiet, versions
from .options import coding_option, model_option, prepare, scales_option, steps_option

if TYPE_CHECKING:
    from typing import Any

__all__ = ["bench_command"]


@click.command("bench")
@model_option
@steps_option
@coding_option
@scales_option
@click.option("--frames", type=click.IntRange(1), default=10, show_default=True, help="Number of frames to time.")
@click.option("--threads", type=click.IntRange(1), help="Threads of the kernels [default: all processors].")
@click.option("--profile", is_flag=True, help="Also time each layer and phase of the time step.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the results as JSON.",
)
def bench_command(
    model: str,
    steps: int | None,
    coding: str | None,
    scales: int,
    frames: int,
    threads: int | None,
    profile: bool,
    json_file: Path | None,
) -> None:
    """Measure how long a frame takes on this machine.

    Prints the median time per frame of a synthetic sequence.
    """
    import numpy as np

    from ..connectivity.instructions import instruction_set
    from ..crops import EXEMPLAR_SIZE, SEARCH_SIZE, box_centre, crop, exemplar_side
    from ..diagnostics.profiling import PHASES, profile_branch, profile_objects
    from ..files import write_json
    from ..sequences.synthetic import SyntheticSequence
    from ..tracking.config import TrackerConfig
    from ..tracking.run import known_box
    from ..tracking.tracker import SiameseTracker

    quiet()
    config = TrackerConfig(model=model, steps=steps, coding=coding, scales=scales)
    matcher = config.build_spiking_matcher(threads=threads)
    prepare(matcher)
    # the first update runs with cold caches and is not counted; drawing frames between updates would evict the caches
    sequence = SyntheticSequence(frames=frames + 2)
    drawn = list(tqdm(sequence, desc="drawing", unit=" frames", disable=None))
    tracker = SiameseTracker(matcher, scales)
    seconds, operations = [], []
    for k, frame in enumerate(tqdm(drawn, desc="bench", unit=" frames", disable=None)):
        if k == 0:
            tracker.init(frame, known_box(sequence, None))
            continue
        before, began = matcher.operations, time.perf_counter()
        tracker.update(frame)
        seconds.append(time.perf_counter() - began)
        operations.append(matcher.operations - before)
    seconds, operations = seconds[1:], operations[1:]
    result: dict[str, Any] = {
        "model": str(model),
        "steps": matcher.search_branch.steps,
        "coding": config.settings["coding"],
        "scales": scales,
        "frames": frames,
        "threads": matcher.search_branch.threads,
        "seconds_per_frame": float(np.median(seconds)),
        "frames_per_second": float(1 / np.median(seconds)),
        "operations_per_frame": float(np.median(operations)),
        "operations_per_second": float(np.sum(operations) / np.sum(seconds)),
        "instructions": instruction_set(),
        "versions": versions(),
    }
    lines = [
        f"{result['seconds_per_frame']:.4g} s per frame (median of {frames}), "
        f"{result['frames_per_second']:.3g} frames/s; {result['operations_per_frame'] / 1e6:,.0f} million "
        f"synaptic operations per frame, {result['operations_per_second']:.3g} per second; "
        f"kernels with {result['instructions']} instructions"
    ]
    if profile:
        branch = matcher.search_branch
        side = exemplar_side(*tracker.box[:1:-1]) * SEARCH_SIZE / EXEMPLAR_SIZE
        image = crop(frame, box_centre(tracker.box)[::-1], side, SEARCH_SIZE, frame.mean((0, 1)).tolist())
        images = np.stack([image] * branch.batch_size)
        objects = profile_objects(branch, images)
        spent = profile_branch(branch, images, objects=objects)
        result["profile_ms"] = [
            {"layer": layer, **{phase: 1e3 * spent.get((layer, phase), 0.0) for phase in PHASES}}
            for layer in branch.groups
        ]
        events = {name: int(steps.sum()) for name, steps in branch.operations.items()}
        lines.append(f"\nmilliseconds per frame for the {scales} crops (median of 5)")
        lines.append(f"{'layer':<8}" + "".join(f"{phase:>11}" for phase in PHASES) + f"{'events/s':>12}")
        for row in result["profile_ms"]:
            layer = row["layer"]
            took = row["input"] + row["window"]
            rate = f"{1e3 * events[layer] / took:.2e}" if events.get(layer) else ""
            lines.append(f"{layer:<8}" + "".join(f"{row[phase]:>11.2f}" for phase in PHASES) + f"{rate:>12}")
        totals = [sum(row[phase] for row in result["profile_ms"]) for phase in PHASES]
        lines.append(f"{'sum':<8}" + "".join(f"{total:>11.2f}" for total in totals))
        result["objects"] = {
            name: {"calls": calls, "microseconds_each": 1e6 * seconds / calls}
            for name, (calls, seconds) in sorted(objects.items(), key=lambda item: -item[1].seconds)
        }
        lines.append(f"\n{'objects called in a run':<32}{'calls':>8}{'us each':>10}")
        for name, one in result["objects"].items():
            lines.append(f"{name:<32}{one['calls']:>8}{one['microseconds_each']:>10.1f}")
    # written first: whoever reads the lines may stop after one
    if json_file:
        write_json(json_file, result)
    click.echo("\n".join(lines))
