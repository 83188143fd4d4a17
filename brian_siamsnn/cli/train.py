"""The command ``train``: a network of your own, ready to spike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import InputError
from ..training.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["train_command"]

#: The default of every setting.
_RECIPE = Recipe()


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
    help="Folder with video/NAME/img/*.jpg, video/NAME/groundtruth_rect.txt, photos/*.jpg and, if there are any, "
    "tracks/NAME/... of several people of a scene.",
)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Model file to write (.safetensors).")
@_setting(
    "architecture",
    "compact, alexnet, channels of strided convolutions such as 16-32-48-32, 16k7-32-48k5-32 to name their kernels, or "
    "ciresnet22:16, SiamDW's residual network with that many channels in its first convolution (with --spiking-share "
    "0).",
    metavar="NAME|CHANNELS",
)
@click.option(
    "--initial",
    type=click.Path(path_type=Path),
    metavar="CHECKPOINT",
    help="STEM.checkpoint.pt of an earlier run to start from, instead of random weights.",
)
@click.option("--teacher", metavar="NAME|FILE", help="A larger model to learn from (see 'weights import').")
@click.option(
    "--pool",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the teacher's responses, which several runs can share [default: beside the output].",
)
@_setting("pairs", "Training pairs that the teacher sees.")
@_setting("steps", "Number of batches.")
@_setting("batch", "Pairs per batch.")
@_setting("learning_rate", "Initial learning rate; it falls to a hundredth.")
@_setting("spiking_share", "Fraction of the batches, at the end, that train the branch as a wave runs it; 0 for none.")
@_setting("levels", "Levels p of the wave.")
@_setting("operations_weight", "Weight in the loss of the fraction of synapses that carry a spike in a step.")
@_setting("peak_weight", "Weight of the loss on the peak of the response.")
@_setting("absence_weight", "Weight of the loss on search crops of other targets.")
@click.option(
    "--held-out",
    default=",".join(_RECIPE.held_out),
    show_default=True,
    metavar="NAME,NAME",
    help="Scenes used for scoring only: videos, and tracks by the name of their place.",
)
@_setting("report_every", "Batches between two reports, each with a checkpoint.")
@_setting("seed", "Seed of the weights and the pairs.")
@click.option(
    "--threads",
    type=click.IntRange(1),
    help="Threads of PyTorch, which decide the last bits of sums [default: all processors].",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to train; auto uses a GPU if there is one.",
)
def train_command(
    data: Path,
    output: Path,
    initial: Path | None,
    teacher: str | None,
    pool: Path | None,
    threads: int | None,
    device: str,
    held_out: str,
    **settings: Any,
) -> None:
    """Train a network and convert it into a spiking one.

    A run that was stopped continues from its last report and ends with the same result. STEM.checkpoint.pt, and
    STEM.png with the loss and the held-out score, are written beside the model.
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
        threads=threads,
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
        raise InputError("device: expected a CUDA GPU, PyTorch finds none; use --device cpu")
    return name
