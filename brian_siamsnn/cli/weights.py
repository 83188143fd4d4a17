"""The commands ``weights ...``: make model files from checkpoints and NIR graphs, and export them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
from tqdm import tqdm

from ..crops import EXEMPLAR_SIZE, SEARCH_SIZE
from ..errors import InputError
from ..files import printable
from ..model.activation_scales import LEVELS

__all__ = ["weights"]


@click.group()
def weights() -> None:
    """Make model files, and exchange them with other simulators."""


@weights.command("import")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Model file to write (.safetensors).")
@click.option(
    "--architecture",
    help="Architecture of the checkpoint [default: ciresnet22 if its tensors are named so, else alexnet].",
)
@click.option(
    "--normalisation",
    type=click.Choice(["layer", "channel"]),
    default="layer",
    show_default=True,
    help="One activation scale per layer, or one per channel.",
)
@click.option(
    "--percentile",
    type=click.FloatRange(0, 100, min_open=True),
    help="Choose the scales for rate coding: the activation of one spike per step is this percentile (usual: 99.9).",
)
@click.option(
    "--levels",
    type=click.IntRange(1),
    metavar="P",
    help="Choose the scales for a wave of P levels (--coding wave:p=P), by the least squared error "
    f"[default: {LEVELS}, unless --percentile is given].",
)
@click.option(
    "--calibration",
    default="synthetic",
    show_default=True,
    metavar="SOURCE",
    help="Images for the activation scales; preferably a folder of natural images.",
)
def import_command(
    checkpoint: Path,
    output: Path,
    architecture: str | None,
    normalisation: str,
    percentile: float | None,
    levels: int | None,
    calibration: str,
) -> None:
    """Convert a PyTorch CHECKPOINT to a model file.

    It is one of SiamFC, or of SiamDW's CIResNet22. CHECKPOINT can also be a model
    file (.safetensors), whose scales are then chosen anew.
    """
    from ..model.calibration import CALIBRATION_CROPS, calibration_crops, convert
    from ..model.checkpoints import import_checkpoint, import_ciresnet22
    from ..model.ciresnet_names import ciresnet22_width
    from ..model.files import load_model, write_model
    from ..model.layers import architecture as layers_of
    from ..sequences.sources import open_sequence

    if levels and percentile is not None:
        raise InputError(f"--levels: expected --levels or --percentile, got both ({levels} and {percentile:g})")
    if checkpoint.suffix == ".safetensors":
        model = load_model(checkpoint)
    else:
        width = architecture and ciresnet22_width(architecture)
        if width:
            model = import_ciresnet22(checkpoint, width)
        else:
            model = import_checkpoint(checkpoint, layers_of(architecture) if architecture else None)
    crops = calibration_crops(open_sequence(calibration))
    crops = tqdm(crops, total=CALIBRATION_CROPS, desc="calibrating", disable=None)
    model = convert(model, crops, normalisation, percentile, levels)
    provenance = {**model.provenance, "calibration": printable(Path(calibration).name)}
    write_model(replace(model, provenance=provenance), output)
    scales = ", ".join(f"{name} {scale.mean():.2f}" for name, scale in model.scales.items())
    click.echo(f"{output}: {model.normalisation}; activation at one spike per step: {scales}")


@weights.command("fixed-point")
@click.argument("model")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Model file to write (.safetensors).")
def fixed_point_command(model: str, output: Path) -> None:
    """Round a network's weights for 16-bit sums.

    The input of a neuron in a step is then an integer. The kernel adds integers faster, and their sums do not depend on
    the order, so all devices give the same spikes. MODEL is a name or a file; see docs/devices.md.
    """
    from ..model.conversion import SpikingModel
    from ..model.files import load_model, write_model
    from ..model.fixed_point_weights import fixed_point, rounding

    before = load_model(model)
    after = fixed_point(before)
    write_model(after, output)
    click.echo(f"{'layer':<8}{'largest weight':>16}{'root mean square error':>24}")
    for name, (largest, error) in rounding(SpikingModel.from_model(before), SpikingModel.from_model(after)).items():
        click.echo(f"{name:<8}{f'{largest:,} units':>16}{f'{error:.2%} of the weights':>24}")
    click.echo(f"{output}: use it with --model {output}")


@weights.command("export")
@click.argument("model")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="File to write (.nir).")
@click.option(
    "--format",
    type=click.Choice(["nir"]),
    default="nir",
    show_default=True,
    expose_value=False,
    help="File format: nir is the Neuromorphic Intermediate Representation.",
)
@click.option(
    "--image-size",
    type=click.IntRange(1),
    default=SEARCH_SIZE,
    show_default=True,
    help=f"Side of the images in pixels; {EXEMPLAR_SIZE} for the exemplar.",
)
def export_command(model: str, output: Path, image_size: int) -> None:
    """Write a spiking network for other simulators (NIR).

    MODEL is a name or a file; see docs/interchange.md.
    """
    from ..model.conversion import SpikingModel
    from ..model.files import load_model
    from ..model.nir_files import write_nir

    spiking = SpikingModel.from_model(load_model(model))
    write_nir(spiking, image_size, output)
    shape = "x".join(str(side) for side in spiking.shapes(image_size)[spiking.layers[-1].name])
    click.echo(
        f"{output}: {len(spiking.layers)} layers of Conv2d and IF, {image_size}x{image_size} -> {shape}; "
        f"readers must reset by subtraction, starting from a potential of {spiking.initial_potential:g}"
    )


@weights.command("import-nir")
@click.argument("graph", type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Model file to write (.safetensors).")
@click.option(
    "--dt",
    type=click.FloatRange(0, min_open=True),
    help="Time step that the graph was written with, in its unit of time [default: 1]; 0.0001 for spikingjelly's.",
)
def import_nir_command(graph: Path, output: Path, dt: float | None) -> None:
    """Make a model file from a NIR GRAPH.

    The graph must be a chain of Conv2d and IF nodes, written by any program.
    Its neurons become neurons that are reset by subtraction.
    """
    from ..model.conversion import unit_scales
    from ..model.files import write_model
    from ..model.nir_files import read_graph
    from ..model.nir_graphs import from_nir, resets_hard

    content = read_graph(graph)
    spiking = from_nir(content, dt)
    if resets_hard(content):
        click.echo(
            f"note: {graph}: in NIR a neuron that fires is set to v_reset = 0 (hard reset). Here it is reset by "
            "subtraction, as in sinabs; for a hard reset, as in spikingjelly and norse, give a neuron model with the "
            "reset v = 0 as --coding and --hidden-coding (docs/interchange.md)",
            err=True,
        )
    write_model(unit_scales(spiking, {"source": printable(graph.name)}), output)
    click.echo(f"{output}: {len(spiking.layers)} layers, weights in units of spikes")
