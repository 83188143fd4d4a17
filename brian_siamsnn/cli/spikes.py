"""The command ``spikes``: spike trains, written to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from ..environment import quiet
from ..errors import InputError
from .options import Box, coding_options, compilation_shown, model_option, seed_option

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..sequences.frames import Sequence
    from ..spikes.trains import SpikeTrains
    from .options import BoxValue

__all__ = ["spikes_command"]


@click.command("spikes")
@click.argument("source", default="synthetic")
@click.option("--layers", default="last", show_default=True, metavar="NAME,NAME|all|last", help="Layers to write.")
@click.option(
    "--format",
    type=click.Choice(["csv", "npz", "nwb"]),
    help="File format [default: from the suffix of --output, or npz].",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write [default: brian-siamsnn-output/NAME/spikes.npz].",
)
@click.option(
    "--frame", type=click.IntRange(0), default=0, show_default=True, help="Frame of the search crop, counted from 0."
)
@click.option("--box", type=Box(), help="Box of the target in that frame [default: the source's own].")
@click.option(
    "--init",
    type=Box(),
    help="Box of the target in the first frame, for the exemplar [default: the source's own, or --box in frame 0].",
)
@model_option
@coding_options
@seed_option
def spikes_command(
    source: str,
    layers: str,
    format: str | None,
    output: Path | None,
    frame: int,
    box: BoxValue | None,
    init: BoxValue | None,
    model: str,
    steps: int | None,
    coding: str | None,
    hidden_coding: str | None,
    pooling: str | None,
    v_init: float | None,
    threshold_scale: float,
    seed: int | None,
) -> None:
    """Write the spike trains behind one frame of SOURCE.

    The exemplar is cropped around the target in the first frame, and the search
    region around the target in the frame given by --frame. The file has one
    population for each crop and layer, such as search/conv5. SOURCE is as for
    'track'.
    """
    # imported here so that --help and a mistyped option answer at once
    import brian2

    from ..crops import target_crop
    from ..model.conversion import SpikingModel, scale_thresholds
    from ..model.files import load_model
    from ..network.recording import record_spikes, recorded_layers
    from ..sequences.sources import open_sequence
    from ..spikes.files import format_of, write_spikes
    from ..spikes.nwb import nwb_packages

    sequence = open_sequence(source)
    first, image = _frames(sequence, frame)
    if frame == 0:
        init = box = init or box
    init, box = _box(sequence, 0, init, "--init"), _box(sequence, frame, box, "--box")
    network = SpikingModel.from_model(scale_thresholds(load_model(model), threshold_scale), v_init)
    # report a wrong layer, file name or model before the simulation
    wanted = recorded_layers(
        network, layers if layers == "all" else None if layers == "last" else [n.strip() for n in layers.split(",")]
    )
    output = output or Path("brian-siamsnn-output") / sequence.name / f"spikes.{format or 'npz'}"
    format = format_of(output, format)
    if format == "nwb":
        nwb_packages()
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        advice = "choose another --output"
        raise InputError(f"{output.parent}: the folder cannot be created ({error.strerror}); {advice}") from None
    quiet()
    if seed is not None:
        brian2.seed(seed)
    fill = first.mean((0, 1)).tolist()
    crops = {"exemplar": target_crop(first, init, "exemplar", fill), "search": target_crop(image, box, "search", fill)}
    populations: dict[str, SpikeTrains] = {}
    for branch, crop in crops.items():
        click.echo(f"{branch}: simulating ...", err=True)
        with compilation_shown():
            trains = record_spikes(network, crop, wanted, steps, coding, hidden_coding, pooling)
        populations |= {f"{branch}/{name}": recorded for name, recorded in trains.items()}
    write_spikes(output, populations, format)
    for name, trains in populations.items():
        click.echo(
            f"{name}: {' x '.join(map(str, trains.shape))} neurons, {len(trains):,} spikes, "
            f"{trains.mean_rate():.4f} per step and neuron"
        )
    click.echo(f"{output}: {output.stat().st_size:,} bytes")


def _frames(sequence: Sequence, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first frame and the one with the given number."""
    count = sequence.frame_count or 0
    if not count or frame < count:
        for k, image in enumerate(sequence):
            if k == 0:
                first = image
            if k == frame:
                return first, image
            count = k + 1
    raise InputError(f"{sequence.name}: expected --frame from 0 to {count - 1}, got {frame}")


def _box(sequence: Sequence, frame: int, box: BoxValue | None, option: str) -> npt.ArrayLike:
    if box is not None:
        return box
    if sequence.boxes is not None and frame < len(sequence.boxes) and np.isfinite(sequence.boxes[frame]).all():
        return sequence.boxes[frame]
    raise InputError(f"{sequence.name}: no box is known for frame {frame}; give it with {option} x,y,w,h")
