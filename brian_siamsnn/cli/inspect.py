"""The command ``inspect``: the conversion error of each layer."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import click
from tqdm import tqdm

from ..environment import quiet
from ..files import printable
from .options import coding_options, compilation_shown, model_option, seed_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from matplotlib.figure import Figure

    from ..diagnostics.inspection import LayerInspection
    from ..diagnostics.quantisation import LevelCost

__all__ = ["inspect_command"]

_COLUMNS = (
    "correlation",
    "correlation_unclipped",
    "error",
    "error_unclipped",
    "relative_error",
    "rate",
    "spikes",
    "silent",
    "saturated",
    "differing",
)


@click.command("inspect")
@click.argument("source", default="synthetic")
@model_option
@coding_options
@seed_option
@click.option(
    "--frames",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    help="Number of search crops to compare, spread over SOURCE.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for inspection.csv, inspection_steps.csv and inspection.png [default: brian-siamsnn-output/NAME].",
)
def inspect_command(
    source: str,
    model: str,
    steps: int | None,
    coding: str | None,
    hidden_coding: str | None,
    pooling: str | None,
    v_init: float | None,
    threshold_scale: float,
    seed: int | None,
    frames: int,
    output: Path | None,
) -> None:
    """Compare each layer with the CNN it was converted from.

    Prints how well the spike counts of each layer agree with the CNN's
    activations (correlation, mean error), its firing rate, and the fractions of
    silent and saturated neurons. SOURCE is as for 'track'; crops are taken
    around the true boxes where they are known. Run this first if the spiking
    network tracks worse than the CNN: the first layer with a large error is
    where the loss starts.

    A wave is also compared with the quantised CNN, which it must equal count by
    count; what its p levels cost is said layer by layer.
    """
    import brian2

    from ..diagnostics.inspection import inspect_conversion, inspection_crops
    from ..diagnostics.inspection_figure import inspection_figure
    from ..diagnostics.quantisation import level_costs
    from ..model.conversion import scale_thresholds
    from ..model.files import load_model
    from ..sequences.sources import open_sequence
    from ..tracking.config import TrackerConfig

    sequence = open_sequence(source)
    network = scale_thresholds(load_model(model), threshold_scale)
    quiet()
    if seed is not None:
        brian2.seed(seed)
    crops = list(inspection_crops(sequence, frames))
    with tqdm(total=len(crops), desc="comparing", unit=" images", disable=None) as bar, compilation_shown():
        layers = inspect_conversion(network, crops, steps, coding, hidden_coding, pooling, v_init, bar.update)
    folder = output or Path("brian-siamsnn-output") / sequence.name
    # the arguments are valid, or the comparison would have refused them
    config = TrackerConfig(model=model, steps=steps, coding=coding, hidden_coding=hidden_coding, pooling=pooling)
    settings = config.settings
    title = f"{Path(model).stem} on {sequence.name}, T = {settings['steps']}; output {settings['coding']}"
    title += f", hidden {settings['hidden_coding']}" * (settings["hidden_coding"] != settings["coding"])
    title = printable(title)
    _write(folder, layers, inspection_figure(layers, title))
    click.echo(_table(layers))
    if config.wave is not None:
        if layers[0].differing is not None:
            click.echo(_equality(layers))
        click.echo(_costs(level_costs(network, crops, config.wave.p), config.wave.p))
    click.echo(f"inspection.csv, inspection_steps.csv and inspection.png are in {folder}")


def _equality(layers: list[LayerInspection]) -> str:
    wrong = {layer.name: layer.differing for layer in layers if layer.differing}
    if not wrong:
        return "Every spike count equals that of the quantised CNN."
    where = ", ".join(f"{name} {count:,}" for name, count in wrong.items())
    return (
        f"Spike counts that differ from the quantised CNN: {where}. Sums in single precision are rounded; "
        "fixed-point weights ('brian-siamsnn weights fixed-point') make them exact."
    )


def _costs(costs: list[LevelCost], p: int) -> str:
    levels = list(costs[0].by_levels)
    head = ("error of p levels", f"p={p}, these scales", "best scales", *(f"p={n}, best scales" for n in levels))
    rows = [
        (
            cost.name,
            f"{cost.error:.1%}",
            f"x {cost.best_factor:.2f}",
            *(f"{cost.by_levels[n]:.1%}" for n in levels),
        )
        for cost in costs
    ]
    worst = max(costs, key=lambda cost: cost.error - cost.best_error)
    advice = (
        f"These scales fit {p} levels."
        if worst.error - worst.best_error < 0.02
        else f"'brian-siamsnn weights import --levels {p}' chooses scales for {p} levels: {worst.name} gains most, "
        f"{worst.error:.1%} to {worst.best_error:.1%}."
    )
    return "\n".join(["", _aligned(head, rows), advice])


def _table(layers: list[LayerInspection]) -> str:
    head = ("layer", "correlation", "(unclipped)", "error", "(unclipped)", "of scale")
    head += ("rate", "spikes", "silent", "saturated")
    rows = [
        (
            layer.name,
            f"{layer.correlation:.4f}",
            f"{layer.correlation_unclipped:.4f}",
            f"{layer.error:.4g}",
            f"{layer.error_unclipped:.4g}",
            f"{layer.relative_error:.1%}",
            f"{layer.rate:.1%}",
            f"{layer.spikes:,}",
            f"{layer.silent:.1%}",
            f"{layer.saturated:.1%}",
        )
        for layer in layers
    ]
    return _aligned(head, rows)


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    first, *widths = (max(map(len, column)) for column in zip(head, *rows, strict=True))
    lines = []
    for name, *cells in (head, *rows):
        aligned = (f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        lines.append("  ".join([f"{name:<{first}}", *aligned]))
    return "\n".join(lines)


def _write(folder: Path, layers: list[LayerInspection], figure: Figure) -> None:
    from ..errors import InputError
    from ..files import write_whole

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        advice = "choose another folder with --output"
        raise InputError(f"{folder}: the folder cannot be created ({error.strerror}); {advice}") from None
    rows = [[layer.name, *(getattr(layer, key) for key in _COLUMNS)] for layer in layers]
    write_whole(folder / "inspection.csv", _csv([["layer", *_COLUMNS], *rows]))
    by_step = zip(*(layer.relative_error_by_step.tolist() for layer in layers), strict=True)
    rows = [[k, *errors] for k, errors in enumerate(by_step, 1)]
    write_whole(folder / "inspection_steps.csv", _csv([["step", *(layer.name for layer in layers)], *rows]))
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    write_whole(folder / "inspection.png", picture.getvalue())


def _csv(rows: list[list[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
