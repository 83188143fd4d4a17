"""Train SiamFC so that its activations can be spike counts.

The first part of a training run is ordinary: balanced logistic loss over
response maps, batch norm, rectifiers.  In the last part batch norm is frozen
and every rectifier is followed by
:class:`~brian_siamsnn.siamfc.ClipFloorShift`, so the weights settle for what a
spiking network with T time steps can express.
"""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from time import perf_counter

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from .architecture import ARCHITECTURES, convolutions
from .errors import InputError
from .geometry import STRIDE
from .pairs import PairSampler, held_out_pairs, read_photos, read_videos
from .resources import write_whole

# by way of siamfc, which says what to install where PyTorch is missing
from .siamfc import ClipFloorShift, SiamFC, balanced_loss, labels, nn, torch

__all__ = ["HELD_OUT", "held_out_score", "train"]

#: Videos that never train: what the held-out score is measured on.
HELD_OUT = ("biker", "davis_car-shadow", "davis_libby", "davis_parkour", "tld_pedestrian3")
#: Held-out pairs per video.
HELD_OUT_PAIRS = 40
#: The learning rate decays exponentially to this share of its first value.
FINAL_LEARNING_RATE = 0.01


def held_out_score(network, pairs):
    """How well the response maps of a network find the targets of pairs.

    Parameters
    ----------
    network : SiamFC
    pairs : list of Pair

    Returns
    -------
    dict
        ``held_out_loss``, the balanced loss; ``distance``, the mean distance
        from the peak of the response to the target (response cells);
        ``within_1``, the share of peaks at most one cell away.
    """
    was_training = network.training
    network.eval()
    with torch.no_grad():
        # in pieces, because the activations of a large network for all pairs may not fit into memory
        parts = [_tensors(pairs[start : start + 16]) for start in range(0, len(pairs), 16)]
        responses = torch.cat([network(exemplars, searches) for exemplars, searches, _ in parts])
        displacements = torch.cat([part[2] for part in parts])
    network.train(was_training)
    size = responses.shape[-1]
    peaks = responses.flatten(1).argmax(1)
    peaks = torch.stack([peaks % size, peaks // size], 1) - (size - 1) / 2
    distances = (peaks - displacements).norm(dim=1)
    return {
        "held_out_loss": balanced_loss(responses, labels(displacements, size)).item(),
        "distance": distances.mean().item(),
        "within_1": (distances <= 1).float().mean().item(),
    }


def train(
    data,
    output,
    *,
    architecture="compact",
    steps=10000,
    batch=32,
    learning_rate=2e-3,
    spiking_share=0.4,
    levels=20,
    seed=0,
    held_out=HELD_OUT,
    report_every=500,
):
    """Train a network and write it to ``output``; a killed run goes on where it last reported.

    Beside ``output`` are written, at every report, the checkpoint
    ``STEM.checkpoint.pt`` and the figure ``STEM.png`` of loss and held-out
    score.

    Parameters
    ----------
    data : path
        Folder with ``video/NAME/img/*.jpg``, ``video/NAME/groundtruth_rect.txt``
        and ``photos/*.jpg``.
    output : path
        The file to write.
    architecture : str
        Name in :data:`~brian_siamsnn.architecture.ARCHITECTURES`.
    steps : int
        Batches in all.
    batch : int
        Pairs in a batch.
    learning_rate : float
        The first one of AdamW; it falls to a hundredth.
    spiking_share : float
        Share of the steps, the last ones, with clipped and quantised
        activations; 0 trains an ordinary network.
    levels : int
        T, time steps of the spiking network that the last part stands for.
    seed : int
        Of weights and pairs.
    held_out : sequence of str
        Names of the videos that only score.
    report_every : int
        Steps between two reports.

    Returns
    -------
    dict
        What ``output`` holds: ``state_dict``; ``layers``, the architecture's
        name; ``log`` with ``settings``, ``history`` (one row per report),
        ``bounds`` (layer name -> learnt upper bound of its activation) and
        ``seconds``.

    Raises
    ------
    InputError
        When the data, a setting or ``output`` are not as described, the
        checkpoint comes from other settings, or the loss is no longer finite.
    """
    if architecture not in ARCHITECTURES:
        raise InputError(f"architecture: expected one of {', '.join(ARCHITECTURES)}, got {architecture!r}")
    for name, number in {"steps": steps, "batch": batch, "levels": levels, "report_every": report_every}.items():
        if number < 1:
            raise InputError(f"{name}: expected a positive number, got {number}")
    if not 0 <= spiking_share < 1:
        raise InputError(f"spiking_share: expected at least 0 and less than 1, got {spiking_share}")
    output = Path(output)
    if not output.parent.is_dir():
        raise InputError(f"{output}: expected a file in a folder that is there; create {output.parent} first")
    videos, photos = read_videos(Path(data) / "video"), read_photos(Path(data) / "photos")
    missing = set(held_out) - {video.name for video in videos}
    if missing or not held_out:
        raise InputError(f"held_out: expected names of videos in {data}, got {', '.join(sorted(missing)) or 'none'}")
    scored = held_out_pairs([video for video in videos if video.name in held_out], HELD_OUT_PAIRS)
    sampler = PairSampler([video for video in videos if video.name not in held_out], photos, seed)
    settings = {
        "architecture": architecture,
        "steps": steps,
        "batch": batch,
        "learning_rate": learning_rate,
        "spiking_share": spiking_share,
        "levels": levels,
        "seed": seed,
        "held_out": list(held_out),
        "report_every": report_every,
        "videos": len(sampler.videos),
        "photos": len(photos),
    }
    run = _Run(settings)
    checkpoint = output.with_suffix(".checkpoint.pt")
    if checkpoint.exists():
        run.restore(checkpoint)
    started = perf_counter() - run.seconds
    losses = []
    with tqdm(total=steps, initial=run.step, unit="step") as progress:
        for tensors in _batches(sampler, batch, run.step, steps):
            losses.append(run.advance(*tensors))
            progress.update()
            if run.step % report_every == 0 or run.step == steps:
                score = {"loss": float(np.mean(losses)), **held_out_score(run.network, scored)}
                losses.clear()
                progress.set_postfix({name: f"{value:.3f}" for name, value in score.items()})
                run.history.append({"step": run.step, **score})
                run.seconds = perf_counter() - started
                _save(run.state(), checkpoint)
                _draw(run.history, run.spiking_from, output.with_suffix(".png"))
    result = {
        "state_dict": run.network.state_dict(),
        "layers": architecture,
        "log": {
            "settings": settings,
            "history": run.history,
            "bounds": {name: gate.bound.item() for name, gate in run.gates.items()} if spiking_share else {},
            "seconds": run.seconds,
        },
    }
    _save(result, output)
    return result


class _Run:
    """Everything that changes while a network is trained, so that it can be put down and taken up again."""

    def __init__(self, settings):
        self.settings = settings
        self.step, self.seconds, self.history = 0, 0.0, []
        self.spiking_from = round(settings["steps"] * (1 - settings["spiking_share"]))
        layers = ARCHITECTURES[settings["architecture"]]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings["seed"])
            self.network = SiamFC(layers).to(memory_format=torch.channels_last)
        self.gates = nn.ModuleDict(
            {layer.name: ClipFloorShift(1.0, settings["levels"]) for layer in convolutions(layers) if layer.rectify}
        )
        parameters = [*self.network.parameters(), *self.gates.parameters()]
        self.optimizer = torch.optim.AdamW(parameters, settings["learning_rate"], weight_decay=1e-4)

    def advance(self, exemplars, searches, displacements):
        """One step of the optimiser; returns the loss."""
        if self.step == 0:
            self._scale_response(exemplars, searches)
        if self.step == self.spiking_from:
            self._set_bounds(exemplars, searches)
            self._attach_gates()
        # the statistics of batch norm are frozen once the activations are quantised: they are folded away later
        self.network.train(self.step < self.spiking_from)
        for group in self.optimizer.param_groups:
            decay = FINAL_LEARNING_RATE ** (self.step / self.settings["steps"])
            group["lr"] = self.settings["learning_rate"] * decay
        responses = self.network(exemplars, searches)
        loss = balanced_loss(responses, labels(displacements, responses.shape[-1]))
        if not torch.isfinite(loss):
            raise InputError(f"training: the loss is {loss.item()} at step {self.step}; lower learning_rate")
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.step += 1
        return loss.item()

    def _scale_response(self, exemplars, searches):
        """Responses of the untrained network start with mean 0 and spread 1, so that the loss has a slope."""
        with torch.no_grad():
            responses = self.network(exemplars, searches)
            self.network.adjust.scale /= responses.std()
            self.network.adjust.bias.copy_(-responses.mean() / responses.std())

    def _set_bounds(self, exemplars, searches):
        """Bounds start where one activation in a thousand is clipped."""
        self.network.eval()
        with torch.no_grad():
            activations = [self.network.activations(images) for images in (exemplars, searches)]
            for name, gate in self.gates.items():
                values = np.concatenate([part[name].numpy().ravel() for part in activations])
                gate.bound.fill_(float(np.percentile(values[values > 0], 99.9)))

    def _attach_gates(self):
        # a forward hook, not a module of the network: the state dictionary stays that of a plain SiamFC
        for name, gate in self.gates.items():
            rectifier = self.network.stages[name][-1]
            rectifier.register_forward_hook(lambda module, inputs, output, gate=gate: gate(output))

    def state(self):
        """Plain state, for :meth:`restore`."""
        return {
            "settings": self.settings,
            "step": self.step,
            "seconds": self.seconds,
            "history": self.history,
            "network": self.network.state_dict(),
            "gates": self.gates.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def restore(self, file):
        """Take up the state in ``file``."""
        state = torch.load(file, weights_only=True)
        differing = [name for name, value in self.settings.items() if state["settings"].get(name) != value]
        if differing:
            raise InputError(
                f"{file}: a checkpoint with another {', '.join(differing)}; delete it, or choose another output"
            )
        self.step, self.seconds, self.history = state["step"], state["seconds"], state["history"]
        self.network.load_state_dict(state["network"])
        self.gates.load_state_dict(state["gates"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.step > self.spiking_from:
            self._attach_gates()


def _tensors(pairs):
    """Exemplars (B, 3, 127, 127), search crops (B, 3, 255, 255), displacements (B, 2) in response cells; float32."""
    exemplars, searches, displacements = zip(*pairs, strict=True)
    # a view with channels first of memory with channels last, which is the faster layout on a CPU
    images = [torch.from_numpy(np.stack(part)).permute(0, 3, 1, 2).float() for part in (exemplars, searches)]
    return *images, torch.from_numpy(np.stack(displacements) / STRIDE).float()


def _batches(sampler, batch, start, stop):
    """Batches number ``start`` to ``stop``, each cut in a second thread while the one before is used."""

    def cut(step):
        return _tensors([sampler(index) for index in range(step * batch, (step + 1) * batch)])

    with ThreadPoolExecutor(1) as thread:
        upcoming = thread.submit(cut, start)
        for step in range(start, stop):
            current = upcoming.result()
            if step + 1 < stop:
                upcoming = thread.submit(cut, step + 1)
            yield current


def _save(state, file):
    """Write ``state`` so that ``file`` is always a whole one."""
    buffer = BytesIO()
    torch.save(state, buffer)
    write_whole(file, buffer.getvalue())


def _draw(history, spiking_from, file):
    """Loss and held-out score over the steps."""
    steps = [row["step"] for row in history]
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(steps, [row["loss"] for row in history], label="training")
    left.plot(steps, [row["held_out_loss"] for row in history], label="held out")
    left.axvline(spiking_from, color="0.6", linestyle=":", label="quantised from here")
    left.set(xlabel="step", ylabel="balanced logistic loss", ylim=(0, None))
    left.legend()
    right.plot(steps, [row["distance"] for row in history], color="C2")
    right.set(xlabel="step", ylim=(0, None))
    right.set_ylabel("peak to target (cells)", color="C2")
    share = right.twinx()
    share.plot(steps, [row["within_1"] for row in history], color="C3")
    share.set(ylim=(0, 1))
    share.set_ylabel("peaks within 1 cell", color="C3")
    right.axvline(spiking_from, color="0.6", linestyle=":")
    figure.savefig(file, dpi=120)
