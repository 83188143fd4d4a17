"""Train SiamFC so that its activations can be spike counts, and write the converted model."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from ..crops import STRIDE
from ..errors import InputError, whole_number
from ..files import write_whole
from ..model.calibration import calibration_crops, convert
from ..model.checkpoints import export
from ..model.ciresnet import ResidualSiamFC

# imported from here because this module says what to install if PyTorch is missing
from ..model.cnn import SiamFC, torch
from ..model.files import write_model
from ..model.fixed_point_weights import fixed_point
from ..sequences.sources import image_sequence
from .batches import ahead, new_batch, pooled_batch, to_tensors
from .loss import balanced_loss, labels
from .pair_store import PairPool, images_to_tensor
from .pairs import PairSampler, held_out_pairs, read_photos, read_videos
from .recipe import Recipe
from .run import TrainingRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..aliases import FilePath
    from ..model.files import SiameseModel
    from .pairs import Pair

__all__ = ["held_out_score", "train"]

#: Number of held-out pairs per scene.
HELD_OUT_PAIRS = 40


def held_out_score(
    respond: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    pairs: list[Pair],
    device: str = "cpu",
    operations: Callable[..., Any] | None = None,
) -> dict[str, Any]:
    """Measure how well the response maps of a network locate the targets of pairs.

    Parameters
    ----------
    respond : callable
        Returns the response maps of exemplars and search crops, see `TrainingRun.respond`.
    pairs : list of Pair
        Pairs that the network was not trained on.
    device : str
        PyTorch device of the network; the CPU by default.
    operations : callable, optional
        Returns the mean synaptic operations of the search crops that the network saw last, see
        `TrainingRun.operations`; not counted by default.

    Returns
    -------
    dict of str to float
        ``held_out_loss``, the balanced loss; ``distance``, the mean distance from the peak of the response map to the
        target, in cells; ``within_1``, the fraction of peaks at most one cell away; and, with `operations`, their
        mean per search crop.
    """
    parts, counts = [], []
    # in chunks, because the activations of a large network for all pairs may not fit in memory
    for start in range(0, len(pairs), 10):
        exemplars, searches, _, _ = zip(*pairs[start : start + 10], strict=True)
        parts.append(respond(*(images_to_tensor(images, device) for images in (exemplars, searches))).cpu())
        if operations is not None:
            counts.append(operations())
    responses = torch.cat(parts)
    displacements = torch.from_numpy(np.stack([pair.displacement for pair in pairs]) / STRIDE).float()
    size = responses.shape[-1]
    peaks = responses.flatten(1).argmax(1)
    peaks = torch.stack([peaks % size, peaks // size], 1) - (size - 1) / 2
    distances = (peaks - displacements).norm(dim=1)
    return {
        "held_out_loss": balanced_loss(responses, labels(displacements, size)).item(),
        "distance": distances.mean().item(),
        "within_1": (distances <= 1).float().mean().item(),
        **({"operations": float(np.mean(counts))} if counts else {}),
    }


def train(
    data: FilePath,
    output: FilePath,
    recipe: Recipe | None = None,
    *,
    teacher: SiameseModel | None = None,
    initial: FilePath | None = None,
    pool: FilePath | None = None,
    threads: int | None = None,
    device: str = "cpu",
) -> SiameseModel:
    """Train a network and write it to a model file.

    At every report, the checkpoint ``STEM.checkpoint.pt`` and the figure ``STEM.png`` of loss and held-out score are
    written next to the output. A run that was interrupted continues from its checkpoint.

    Parameters
    ----------
    data : str or path
        Folder with ``video/NAME/img/*.jpg``, ``video/NAME/groundtruth_rect.txt`` and ``photos/*.jpg``, and optionally
        ``tracks/NAME/...`` like ``video/NAME/...``, see `PairSampler`.
    output : str or path
        Model file to write.
    recipe : Recipe, optional
        Settings of the run; the defaults of `Recipe` by default.
    teacher : SiameseModel, optional
        A larger network, whose responses and features the network learns to reproduce; none by default.
    initial : str or path, optional
        Checkpoint of an earlier run of the same architecture, whose weights are used; random weights by default.
    pool : str or path, optional
        Folder for the pairs that the teacher processes; ``STEM.pool`` next to the output by default. Runs that differ
        only in the student can share one.
    threads : int, optional
        Threads of PyTorch, 1 or more. The last bits of sums depend on their number, so the same seed and the same
        number give the same weights; by default as many as PyTorch is set to use.
    device : str
        PyTorch device, such as ``"cpu"`` (the default) or ``"cuda"``.

    Returns
    -------
    SiameseModel
        The model in the output file, with scales. Its provenance contains the recipe, the history (one row per
        report), a checksum of the data, the number of threads and the training time in seconds.

    Raises
    ------
    InputError
        If the data or a setting are not valid, `output` cannot be written, the checkpoint is from other settings, or
        the loss is not finite.
    """
    recipe, output = recipe or Recipe(), Path(output)
    if threads is not None:
        torch.set_num_threads(whole_number("threads", threads))
    if not output.parent.is_dir():
        raise InputError(f"{output}: its folder does not exist; create {output.parent} first")
    sampler, held_out = _sources(Path(data), recipe)
    scored = held_out_pairs(held_out, HELD_OUT_PAIRS)
    sources = {
        "videos": sorted(video.name for video in sampler.videos),
        "tracks": sorted(track.name for track in sampler.tracks),
        **{"photos": len(sampler.photos), "seed": recipe.seed, "data": _data_digest(sampler)},
    }
    settings = {
        **asdict(recipe),
        **sources,
        "held_out": list(recipe.held_out),
        "teacher": _digest(teacher),
        "initial": initial and hashlib.sha256(_read(initial)).hexdigest(),
    }
    response = None if teacher is None else (teacher.response_scale, teacher.response_bias)
    run = TrainingRun(recipe, _load_checkpoint(initial, device) if initial else None, response, device)
    checkpoint = output.with_suffix(".checkpoint.pt")
    if checkpoint.exists():
        _restore(run, checkpoint, settings)
    if teacher is not None:
        network = SiamFC.from_model(teacher)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its stubs
        identity = {**sources, "teacher": settings["teacher"]}
        pool = PairPool(pool or output.with_suffix(".pool"), sampler, network, identity, recipe.pairs, device)
        pool.fill()
        cut = lambda step: pooled_batch(pool, recipe, step)  # noqa: E731
    else:
        cut = lambda step: new_batch(sampler, recipe, step)  # noqa: E731
    _optimise(run, cut, scored, settings, checkpoint, output.with_suffix(".png"))
    log = {"recipe": settings, "history": run.history, "seconds": round(run.seconds, 1)}
    model = _model(run, sampler.photos, {**log, "threads": torch.get_num_threads()})
    write_model(model, output)
    return model


def _sources(data, recipe):
    """Read the data; return a sampler, and the videos and tracks of the held-out scenes."""
    videos, photos = read_videos(data / "video"), read_photos(data / "photos")
    tracks = read_videos(data / "tracks") if (data / "tracks").is_dir() else []
    scenes = sorted({video.scene for video in (*videos, *tracks)})
    if missing := sorted(set(recipe.held_out) - set(scenes)):
        raise InputError(f"held_out: {', '.join(missing)}: no such scene in {data}; it has {', '.join(scenes)}")
    trained, walked = ([video for video in part if video.scene not in recipe.held_out] for part in (videos, tracks))
    held_out = [video for video in (*videos, *tracks) if video.scene in recipe.held_out]
    return PairSampler(trained, walked, photos, recipe.seed), held_out


def _data_digest(sampler):
    """SHA-256 of everything that pairs are made from: boxes and images, in order."""
    digest = hashlib.sha256()
    for video in (*sampler.videos, *sampler.tracks):
        digest.update(video.name.encode() + video.boxes.tobytes())
        for file in video.files:
            digest.update(hashlib.sha256(Path(file).read_bytes()).digest())
    for file in sampler.photos:
        digest.update(hashlib.sha256(Path(file).read_bytes()).digest())
    return digest.hexdigest()


def _optimise(run, cut, scored, settings, checkpoint, figure):
    """Advance a run to its end; ``cut(step)`` returns the batch of a step."""
    recipe, losses = run.recipe, []
    started = perf_counter() - run.seconds
    with tqdm(total=recipe.steps, initial=run.step, desc="training", unit="step", disable=None) as progress:
        for arrays in ahead(cut, run.step, recipe.steps):
            losses.append(run.advance(to_tensors(arrays, run.device)))
            progress.update()
            if run.step % recipe.report_every == 0 or run.step == recipe.steps:
                operations = run.operations if run.spiking else None
                score = held_out_score(run.respond, scored, run.device, operations)
                score = {"loss": float(np.mean(losses)), **score}
                losses.clear()
                progress.set_postfix({name: f"{value:.4g}" for name, value in score.items()})
                run.history.append({"step": run.step, **score})
                run.seconds = perf_counter() - started
                buffer = BytesIO()
                torch.save({"settings": settings, **run.state()}, buffer)
                write_whole(checkpoint, buffer.getvalue())
                _draw(run.history, recipe.spiking_from, figure)


def _restore(run, checkpoint, settings):
    """Continue from a checkpoint with the same settings."""
    state = _load_checkpoint(checkpoint, run.device)
    differing = [name for name, value in settings.items() if state["settings"].get(name) != value]
    if differing:
        raise InputError(
            f"{checkpoint}: a checkpoint with another {', '.join(differing)}; delete it, or choose another --output"
        )
    run.restore(state)


def _read(file):
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None


def _load_checkpoint(file, device):
    """Read the state in a checkpoint of `train`."""
    content = _read(file)
    try:
        state = torch.load(BytesIO(content), weights_only=True, map_location=device)
    except Exception:  # torch raises many undocumented types, with advice to load unsafely
        state = None
    if not isinstance(state, dict) or not {"settings", "recipe", "network", "optimizer"} <= set(state):
        raise InputError(f"{file}: not a checkpoint of a training run; delete it to start over, or use another")
    return state


def _digest(model):
    """Return a hash of a teacher's weights, or None without a teacher."""
    if model is None:
        return None
    digest = hashlib.sha256()
    for name, (w, b) in sorted(model.weights.items()):
        digest.update(name.encode() + w.tobytes() + b.tobytes())
    return digest.hexdigest()


def _model(run, photos, log):
    """Convert the trained network: as it was trained, or, without a last part, by calibration on the photos.

    A directed graph is for a wave, whose windows its branches wait for: its weights are rounded, so that no count
    differs from those of the quantised network.
    """
    provenance = {"training": log}
    if run.spiking:
        return run.quantised.export(provenance)
    crops = calibration_crops(image_sequence("photos", photos))
    if isinstance(run.network, ResidualSiamFC):
        return fixed_point(convert(run.network.eval().folded(provenance), crops, levels=run.recipe.levels))
    return convert(export(run.network, provenance), crops)


def _draw(history, spiking_from, file):
    """Plot loss and held-out score against the steps."""
    steps = [row["step"] for row in history]
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(steps, [row["loss"] for row in history], label="training, all terms")
    left.plot(steps, [row["held_out_loss"] for row in history], label="held out, logistic loss")
    left.axvline(spiking_from, color="0.6", linestyle=":", label="as a wave from here")
    left.set(xlabel="step", ylabel="loss", ylim=(0, None))
    left.legend()
    right.plot(steps, [row["distance"] for row in history], color="C2")
    right.set(xlabel="step", ylim=(0, None))
    right.set_ylabel("peak to target (cells)", color="C2")
    share = right.twinx()
    share.plot(steps, [row["within_1"] for row in history], color="C3")
    share.set(ylim=(0, 1))
    share.set_ylabel("peaks within 1 cell", color="C3")
    right.axvline(spiking_from, color="0.6", linestyle=":")
    content = BytesIO()
    figure.savefig(content, format="png", dpi=120)
    write_whole(file, content.getvalue())
