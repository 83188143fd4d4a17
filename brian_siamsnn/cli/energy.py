"""The command ``energy``: what tracking a sequence costs, on all hardware with a cost model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from tqdm import tqdm

from ..environment import quiet, versions
from ..errors import InputError
from .options import Box, prepare, tracking_options

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..tracking.config import TrackerConfig
    from .options import BoxValue

__all__ = ["energy_command"]


@click.command("energy")
@click.argument("source", default="synthetic")
@click.option("--init", "box", type=Box(), help="The object's box in the first frame; x and y count from zero.")
@tracking_options
@click.option(
    "--cost-models",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="TOML file with your own hardware; see docs/energy.md.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write all counts and energies to this file.",
)
def energy_command(
    source: str,
    box: BoxValue | None,
    config: TrackerConfig,
    frames: int | None,
    output: Path | None,
    cost_models: Path | None,
    json_file: Path | None,
) -> int:
    """Count every operation of tracking SOURCE, and price it.

    SOURCE is as for 'track', 'synthetic' by default. Prints operations by layer, energy by hardware, and the paper's
    Table III as printed and corrected; draws a figure of each.
    """
    # imported here so that --help and a mistyped option answer at once
    from ..energy.cost_models import load_cost_models
    from ..energy.counter import OperationCounter
    from ..energy.plots import plot_energy_by_hardware, plot_layers, plot_steps
    from ..energy.report import bills, energy_report, format_report
    from ..files import write_json
    from ..sequences.sources import open_sequence
    from ..tracking.run import known_box, track

    if config.tracker != "snn":
        raise InputError("energy: expected --tracker snn, got cnn; the CNN is counted beside the spiking network")
    costs = load_cost_models(cost_models)
    sequence = open_sequence(source)
    first_box = known_box(sequence, box)
    quiet()
    # one crop at a time counts each scale separately; but early stopping decides over all of them together
    counter = OperationCounter(config.build_spiking_matcher(crops=config.scales if config.early_stop else 1))
    prepare(counter)
    total = min(filter(None, (sequence.frame_count, frames)), default=None)
    with tqdm(total=total, desc=sequence.name, unit=" frames", disable=None) as bar:
        result = track(sequence, config.tracker_with(counter), first_box, frames, None, bar.update)
    frame, model = counter.mean_frame(), counter.search_branch.model
    report = energy_report(frame, model, costs, config.scales, config.wave)
    folder = output or Path("brian-siamsnn-output") / sequence.name
    figures = {
        "energy_layers.png": plot_layers(frame),
        "energy_steps.png": plot_steps(frame),
        "energy_hardware.png": plot_energy_by_hardware(bills(frame, model, costs)),
    }
    by_scale = [work.counts for work in counter.mean_scales()]
    click.echo(f"{sequence.name}: mean of {len(counter.frames)} frames.\n\n{format_report(report)}\n")
    click.echo("The exemplar, once: {synaptic_operations:,.0f} synaptic operations.".format(**counter.exemplar.counts))
    if len(by_scale) > 1:
        each = ", ".join(f"{counts['synaptic_operations']:,.0f}" for counts in by_scale)
        click.echo(f"By scale, small to large: {each}.")
    content = {
        "source": str(source),
        **config.settings,
        "searched_frames": len(counter.frames),
        **report,
        "by_scale": by_scale,
        "exemplar": counter.exemplar.counts,
        **result.metrics,
        "stopped": result.stopped,
        "versions": versions(),
    }
    for name, figure in figures.items():
        _save(figure, folder / name)
    if json_file:
        write_json(json_file, content)
    click.echo(f"{', '.join(figures)} are in {folder}" + (f"; all figures in {json_file}" if json_file else ""))
    if result.stopped == "interrupted":
        return 130
    if result.stopped:
        raise InputError(f"{result.stopped} (the {len(result.boxes)} frames before it were counted)")
    return 0


def _save(figure: Figure, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None
