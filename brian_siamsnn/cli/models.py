"""Commands that make model files, ``weights import`` and ``train``, and exchange them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from tqdm import tqdm

from ..crops import EXEMPLAR_SIZE, SEARCH_SIZE
from ..errors import InputError
from ..model.activation_scales import PERCENTILE
from ..training.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["train_command", "weights"]

#: What a training run does unless told otherwise.
_RECIPE = Recipe()


@click.group()
def weights() -> None:
    """Make model files of checkpoints, and exchange them."""


@weights.command("import")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Model file to write (.safetensors).")
@click.option("--architecture", default="alexnet", show_default=True, help="Architecture of the checkpoint.")
@click.option(
    "--normalisation",
    type=click.Choice(["layer", "channel"]),
    default="layer",
    show_default=True,
    help="One activation scale a layer, or one a channel.",
)
@click.option(
    "--percentile",
    type=click.FloatRange(0, 100, min_open=True),
    default=PERCENTILE,
    show_default=True,
    help="Of the activations, that a spike in every step stands for.",
)
@click.option(
    "--calibration",
    default="synthetic",
    show_default=True,
    metavar="SOURCE",
    help="Images to find the activation scales on: a folder of natural images is best.",
)
def import_command(
    checkpoint: Path, output: Path, architecture: str, normalisation: str, percentile: float, calibration: str
) -> None:
    """Convert a SiamFC CHECKPOINT of PyTorch, ready to spike."""
    from ..model.calibration import CALIBRATION_CROPS, calibration_crops, convert
    from ..model.checkpoints import import_checkpoint
    from ..model.files import write_model
    from ..model.layers import architecture as layers_of
    from ..sequences.sources import open_sequence

    model = import_checkpoint(checkpoint, layers_of(architecture))
    crops = calibration_crops(open_sequence(calibration))
    crops = tqdm(crops, total=CALIBRATION_CROPS, desc="calibrating", disable=None)
    model = convert(model, crops, normalisation, percentile)
    provenance = {**model.provenance, "calibration": Path(calibration).name}
    write_model(replace(model, provenance=provenance), output)
    scales = ", ".join(f"{name} {scale.mean():.2f}" for name, scale in model.scales.items())
    click.echo(f"{output}: {architecture}, {model.normalisation}; activation of one spike a step: {scales}")


@weights.command("fixed-point")
@click.argument("model")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Model file to write (.safetensors).")
def fixed_point_command(model: str, output: Path) -> None:
    """Round a network's weights for 16-bit sums.

    What arrives at a neuron in a step is then an integer. The kernel adds such weights faster, and their sums are the
    same in any order: the same spikes on every device. MODEL is a name or a file; see docs/devices.md.
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
    click.echo(f"{output}: take it with --model {output}")


@weights.command("export")
@click.argument("model")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="File to write (.nir).")
@click.option(
    "--format",
    type=click.Choice(["nir"]),
    default="nir",
    show_default=True,
    expose_value=False,
    help="Neuromorphic Intermediate Representation.",
)
@click.option(
    "--image-size",
    type=click.IntRange(1),
    default=SEARCH_SIZE,
    show_default=True,
    help=f"Side of the images in pixels; the exemplar's is {EXEMPLAR_SIZE}.",
)
def export_command(model: str, output: Path, image_size: int) -> None:
    """Write a spiking network for other simulators (NIR).

    MODEL is a name or a file; see docs/interchange.md.
    """
    from ..model.conversion import SpikingModel
    from ..model.files import load_model
    from ..model.nir_graphs import write_nir

    spiking = SpikingModel.from_model(load_model(model))
    write_nir(spiking, image_size, output)
    shape = "x".join(str(side) for side in spiking.shapes(image_size)[spiking.layers[-1].name])
    click.echo(
        f"{output}: {len(spiking.layers)} layers of Conv2d and IF, {image_size}x{image_size} -> {shape}; "
        f"readers have to reset by subtraction, from a potential of {spiking.initial_potential:g}"
    )


@weights.command("import-nir")
@click.argument("graph", type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Model file to write (.safetensors).")
def import_nir_command(graph: Path, output: Path) -> None:
    """Make a model file of a NIR GRAPH.

    A chain of Conv2d and IF, made by any program.
    """
    from ..model.conversion import unit_scales
    from ..model.files import write_model
    from ..model.nir_graphs import read_nir

    spiking = read_nir(graph)
    write_model(unit_scales(spiking, {"source": graph.name}), output)
    click.echo(f"{output}: {len(spiking.layers)} layers, weights in units of spikes")


def _setting(name: str, help: str, **options: Any) -> Callable[[Any], Any]:
    """Option for a setting of the recipe, with its default and type."""
    default = getattr(_RECIPE, name)
    return click.option(
        "--" + name.replace("_", "-"), type=type(default), default=default, show_default=True, help=help, **options
    )


@click.command("train")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder with video/NAME/img/*.jpg, video/NAME/groundtruth_rect.txt and photos/*.jpg.",
)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Model file to write (.safetensors).")
@_setting(
    "architecture",
    "compact, alexnet, or channels of strided convolutions such as 16-32-48-32.",
    metavar="NAME|CHANNELS",
)
@click.option(
    "--initial",
    type=click.Path(path_type=Path),
    metavar="CHECKPOINT",
    help="STEM.checkpoint.pt of an earlier run to start from, in place of random weights.",
)
@click.option("--teacher", metavar="NAME|FILE", help="A larger model to learn from (see 'weights import').")
@click.option(
    "--pool",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the teacher's answers, which several runs can share [default: beside the output].",
)
@_setting("pairs", "Pairs that the teacher is shown.")
@_setting("steps", "Batches in all.")
@_setting("batch", "Pairs in a batch.")
@_setting("learning_rate", "The first one; it falls to a hundredth.")
@_setting(
    "activation", "What follows each rectifier in the last part: clip_floor_shift, clip_noise, or relu for nothing."
)
@_setting("spiking_share", "Share of the batches, the last ones, that are trained with it.")
@_setting("levels", "Time steps T of the spiking network that it stands for.")
@_setting("operations_weight", "Weight in the loss of the share of synapses that carry a spike in a step.")
@click.option(
    "--held-out",
    default=",".join(_RECIPE.held_out),
    show_default=True,
    metavar="NAME,NAME",
    help="Videos that only score.",
)
@_setting("report_every", "Batches between two reports, each with a checkpoint.")
@_setting("seed", "Of weights and pairs.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to train; auto takes a GPU where there is one.",
)
def train_command(
    data: Path,
    output: Path,
    initial: Path | None,
    teacher: str | None,
    pool: Path | None,
    device: str,
    held_out: str,
    **settings: Any,
) -> None:
    """Train a network, and write it ready to spike.

    A run that was stopped goes on where it last reported, to the same end. Beside the model are written
    STEM.checkpoint.pt and STEM.png with the loss and the held-out score.
    """
    from ..model.files import load_model
    from ..training.loop import train

    recipe = Recipe(held_out=tuple(name.strip() for name in held_out.split(",") if name.strip()), **settings)
    model = train(
        data,
        output,
        recipe,
        teacher=load_model(teacher) if teacher else None,
        initial=initial,
        pool=pool,
        device=_device(device),
    )
    training = model.provenance["training"]
    last = training["history"][-1]
    click.echo(
        f"{output}: {training['seconds']:.0f} s; held out, the response peaks {last['distance']:.2f} cells from "
        f"the target on average, within one cell in {last['within_1']:.1%}; loss curve in "
        f"{output.with_suffix('.png')}"
    )


def _device(name: str) -> str:
    from ..model.cnn import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device: PyTorch finds no CUDA GPU here; take --device cpu")
    return name
