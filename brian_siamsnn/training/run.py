"""One training run: everything that changes while a network is trained.

The first part of a run is ordinary: balanced logistic loss over response maps,
batch norm, rectifiers, and where there is a teacher its responses and features.
In the last part batch norm is frozen and every rectifier is followed by what a
spiking network with T time steps can express (`quantisation`).
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..connectivity.explicit import synapse_count
from ..crops import SEARCH_SIZE
from ..errors import InputError
from ..model.cnn import SiamFC, nn, torch
from ..model.conversion import SpikingModel
from ..model.layers import Convolution, architecture, convolutions
from .distillation import Distillation
from .loss import balanced_loss, labels
from .pair_store import DIRECTIONS
from .quantised_activations import ACTIVATIONS, percentile_bound

if TYPE_CHECKING:
    from ..model.layers import Layer
    from .recipe import Recipe

__all__ = ["Batch", "TrainingRun", "outgoing_synapses"]

#: The learning rate decays exponentially to this share of its first value.
FINAL_LEARNING_RATE = 0.01


class Batch(NamedTuple):
    """Tensors of one step.

    Exemplars (B, 3, 127, 127), search crops (B, 3, S, S), displacements of the
    targets (B, 2) in response cells; ``teacher`` is None, or its features
    (z, x), (B, C, h, h) and (B, C, H, H).
    """

    exemplars: torch.Tensor
    searches: torch.Tensor
    displacements: torch.Tensor
    teacher: tuple | None = None


class TrainingRun:
    """A network, its optimiser and its history; can be put down and taken up again.

    Parameters
    ----------
    recipe : Recipe
    initial : dict, optional
        State of an earlier run to start from, as `state` gave it; random weights by default.
    teacher_response : tuple of float, optional
        Scale and bias of the teacher's response, where there is a teacher.
    device : str

    Attributes
    ----------
    network : SiamFC
    gates : torch.nn.ModuleDict
        Layer name -> what stands behind its rectifier in the last part.
    step : int
    seconds : float
    history : list of dict
    """

    def __init__(
        self,
        recipe: Recipe,
        initial: dict[str, Any] | None = None,
        teacher_response: tuple[float, float] | None = None,
        device: str = "cpu",
    ) -> None:
        self.recipe, self.device = recipe, device
        self.step, self.seconds = 0, 0.0
        self.history: list[dict[str, Any]] = []
        self._teacher_response, self._given = teacher_response, initial is not None
        # spikes are never negative, so the last layer is trained rectified, whatever SiamFC's was
        layers = tuple(
            replace(layer, rectify=True) if isinstance(layer, Convolution) else layer
            for layer in architecture(recipe.architecture)
        )
        last = convolutions(layers)[-1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.network = SiamFC(layers)
            self._distillation = Distillation(last.out_channels, DIRECTIONS) if teacher_response else nn.Module()
        if self._given:
            self._start_from(initial)
        self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its stubs
        self._distillation.to(device)
        kind = ACTIVATIONS.get(recipe.activation)
        self.gates = nn.ModuleDict({layer.name: kind(1.0, recipe.levels) for layer in convolutions(layers) if kind}).to(
            device
        )
        parameters = [*self.network.parameters(), *self.gates.parameters(), *self._distillation.parameters()]
        self._optimizer = torch.optim.AdamW(parameters, recipe.learning_rate, weight_decay=1e-4)
        self._synapses = outgoing_synapses(self.network.layers)

    def _start_from(self, state):
        """Take over the weights of an earlier run, and its adapter to the teacher where both have one."""
        try:
            # batch norm comes along: folded weights of pixels would be so small that a step destroys them
            self.network.load_state_dict(state["network"])
            if self._teacher_response and state["distillation"]:
                self._distillation.load_state_dict(state["distillation"])
        except RuntimeError:
            raise InputError(
                f"initial: its layers are not those of the architecture {self.recipe.architecture}; "
                f"it was trained as {state['recipe']['architecture']}"
            ) from None

    @property
    def spiking(self) -> bool:
        """Whether the activations are those that spikes can express."""
        return self.step > self.recipe.spiking_from

    def advance(self, batch: Batch) -> float:
        """One step of the optimiser; returns the loss."""
        recipe = self.recipe
        # noise and its like depend on the step alone, so a run that goes on ends as one that was not stopped
        torch.manual_seed(recipe.seed * 2**32 + self.step)
        if self.step == 0 and not self._given:
            self._scale_response(batch)
        if self.step == recipe.spiking_from:
            self._set_bounds(batch)
            self._attach_gates()
        # the statistics of batch norm are frozen once the activations are quantised: they are folded away later
        self.network.train(self.step < recipe.spiking_from)
        for group in self._optimizer.param_groups:
            group["lr"] = recipe.learning_rate * FINAL_LEARNING_RATE ** (self.step / recipe.steps)
        loss = self._loss(batch)
        if not torch.isfinite(loss):
            raise InputError(f"training: the loss is {loss.item()} at step {self.step}; lower learning_rate")
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        self.step += 1
        return loss.item()

    def _loss(self, batch):
        z = self.network.embed(batch.exemplars)
        x = self.network.embed(batch.searches)
        responses = self.network.response(z, x)
        loss = balanced_loss(responses, labels(batch.displacements, responses.shape[-1]))
        if batch.teacher is not None:
            scales = (self.network.adjust.scale, self.network.adjust.bias), self._teacher_response
            from_responses, from_features = self._distillation((z, x), batch.teacher, scales)
            loss = loss + self.recipe.response_weight * from_responses + self.recipe.feature_weight * from_features
        if self.step >= self.recipe.spiking_from and self.recipe.operations_weight:
            # x was the last to pass the gates, so the rates are those of the search crops
            loss = loss + self.recipe.operations_weight * self._operations() / sum(self._synapses.values())
        return loss

    def _gate(self, name: str) -> Any:
        """One of the activations of `quantisation`, which have a bound and a rate."""
        return self.gates[name]

    def _operations(self) -> Any:
        """Synapses that carry a spike in a step, of one search crop, by the rates of the last images shown."""
        return sum(count * self._gate(name).rate for name, count in self._synapses.items() if name in self.gates)

    def operations(self) -> float:
        """Synaptic operations for a search crop over T steps, once activations are quantised."""
        return self.recipe.levels * float(self._operations().detach())

    def _scale_response(self, batch):
        """Responses of the untrained network start with mean 0 and spread 1, so that the loss has a slope."""
        with torch.no_grad():
            responses = self.network(batch.exemplars, batch.searches)
            self.network.adjust.scale /= responses.std()
            self.network.adjust.bias.copy_(-responses.mean() / responses.std())

    def _set_bounds(self, batch):
        """Bounds start where one activation in a thousand is clipped."""
        self.network.eval()
        with torch.no_grad():
            activations = [self.network.activations(images) for images in (batch.exemplars, batch.searches)]
            for name in self.gates:
                self._gate(name).bound.fill_(
                    percentile_bound(np.concatenate([part[name].cpu().numpy().ravel() for part in activations]))
                )

    def _attach_gates(self):
        # a forward hook, not a module of the network: the state dictionary stays that of a plain SiamFC
        for name, gate in self.gates.items():
            rectifier = self.network.stages[name][-1]
            rectifier.register_forward_hook(lambda module, inputs, output, gate=gate: gate(output))

    def bounds(self) -> dict[str, float]:
        """Learnt upper bound of each layer's activation; empty for an ordinary network."""
        return {name: self._gate(name).bound.item() for name in self.gates} if self.spiking else {}

    def state(self) -> dict[str, Any]:
        """Plain state, for `restore`."""
        return {
            "recipe": asdict(self.recipe),
            "step": self.step,
            "seconds": self.seconds,
            "history": self.history,
            "network": self.network.state_dict(),
            "gates": self.gates.state_dict(),
            "distillation": self._distillation.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        self.step, self.seconds, self.history = state["step"], state["seconds"], state["history"]
        self.network.load_state_dict(state["network"])
        self.gates.load_state_dict(state["gates"])
        self._distillation.load_state_dict(state["distillation"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self.spiking:
            self._attach_gates()


def outgoing_synapses(layers: tuple[Layer, ...]) -> dict[str, int]:
    """Synapses from each layer of a search branch to the next, by layer name."""
    shapes = SpikingModel(layers, {}).shapes(SEARCH_SIZE)
    pairs = zip(layers, layers[1:], strict=False)
    return {a.name: synapse_count(shapes[a.name], shapes[b.name], b) for a, b in pairs}
