"""State of a training run: everything that changes while a network is trained.

The first part of a run is conventional: balanced logistic loss on response maps, batch norm, rectifiers, and, with a
teacher, losses on its responses and features. In the last part, batch norm is frozen, and every rectifier is followed
by an activation function that a spiking network with T time steps can express (`quantised_activations`).
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

#: The learning rate decays exponentially to this fraction of its initial value.
FINAL_LEARNING_RATE = 0.01


class Batch(NamedTuple):
    """Tensors of one training step.

    Attributes
    ----------
    exemplars : torch.Tensor, shape (B, 3, 127, 127)
        Exemplar crops.
    searches : torch.Tensor, shape (B, 3, S, S)
        Windows of the search crops.
    displacements : torch.Tensor, shape (B, 2)
        Displacement (x, y) of each target from the centre of its window, in cells of the response map.
    teacher : tuple of torch.Tensor, shapes (B, C, h, h) and (B, C, H, H), or None
        Features of the teacher for exemplars and windows, if there is a teacher.
    """

    exemplars: torch.Tensor
    searches: torch.Tensor
    displacements: torch.Tensor
    teacher: tuple | None = None


class TrainingRun:
    """A network with its optimiser and history, which can be saved and restored.

    Parameters
    ----------
    recipe : Recipe
        Settings of the run.
    initial : dict, optional
        State of an earlier run whose weights are used, as `state` returns it; random weights by default.
    teacher_response : tuple of (float, float), optional
        Scale and bias of the teacher's response, if there is a teacher.
    device : str
        PyTorch device; the CPU by default.

    Attributes
    ----------
    network : SiamFC
        The network.
    gates : torch.nn.ModuleDict
        Activation function behind each layer's rectifier in the last part, by layer name.
    step : int
        Number of completed steps.
    seconds : float
        Training time so far, in seconds.
    history : list of dict
        One row per report.

    Raises
    ------
    InputError
        If `initial` is from another architecture.
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
        self._teacher_response, self._has_initial = teacher_response, initial is not None
        # the last layer is rectified too, unlike SiamFC's, because spike counts are never negative
        layers = tuple(
            replace(layer, rectify=True) if isinstance(layer, Convolution) else layer
            for layer in architecture(recipe.architecture)
        )
        last = convolutions(layers)[-1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.network = SiamFC(layers)
            self._distillation = Distillation(last.out_channels, DIRECTIONS) if teacher_response else nn.Module()
        if self._has_initial:
            self._start_from(initial)
        self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its stubs
        self._distillation.to(device)
        activation = ACTIVATIONS.get(recipe.activation)
        names = [layer.name for layer in convolutions(layers)]
        gates = {name: activation(1.0, recipe.levels) for name in names} if activation else {}
        self.gates = nn.ModuleDict(gates).to(device)
        parameters = [*self.network.parameters(), *self.gates.parameters(), *self._distillation.parameters()]
        self._optimizer = torch.optim.AdamW(parameters, recipe.learning_rate, weight_decay=1e-4)
        self._synapses = outgoing_synapses(self.network.layers)

    def _start_from(self, state):
        """Load the weights of an earlier run, and its adapter to the teacher if both runs have one."""
        try:
            # batch norm is not folded in: weights on pixels would become so small that one step destroys them
            self.network.load_state_dict(state["network"])
            if self._teacher_response and state["distillation"]:
                self._distillation.load_state_dict(state["distillation"])
        except RuntimeError:
            raise InputError(
                f"initial: expected a checkpoint of the architecture {self.recipe.architecture}, "
                f"got one of {state['recipe']['architecture']}"
            ) from None

    @property
    def spiking(self) -> bool:
        """Whether the last completed step used activations that spikes can express."""
        return self.step > self.recipe.spiking_from

    def advance(self, batch: Batch) -> float:
        """Take one step of the optimiser.

        Parameters
        ----------
        batch : Batch
            Pairs of the step.

        Returns
        -------
        float
            The loss before the step.

        Raises
        ------
        InputError
            If the loss is not finite.
        """
        recipe = self.recipe
        # the noise depends on the step only, so an interrupted run gives the same result as an uninterrupted one
        torch.manual_seed(recipe.seed * 2**32 + self.step)
        if self.step == 0 and not self._has_initial:
            self._scale_response(batch)
        if self.step == recipe.spiking_from:
            self._set_bounds(batch)
            self._attach_gates()
        # batch norm is frozen once activations are quantised, because it is folded into the weights afterwards
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
            # the gates have the rates of the search crops, which they saw last
            loss = loss + self.recipe.operations_weight * self._operations() / sum(self._synapses.values())
        return loss

    def _gate(self, name: str) -> Any:
        # ModuleDict's stubs hide the attributes bound and rate
        return self.gates[name]

    def _operations(self) -> Any:
        """Return the synaptic operations per time step of one search crop, at the rates of the last images."""
        return sum(count * self._gate(name).rate for name, count in self._synapses.items() if name in self.gates)

    def operations(self) -> float:
        """Count the synaptic operations of a search crop over T time steps, at the rates of the last images.

        Returns
        -------
        float
            Mean number of operations per crop. Available once activations are quantised.
        """
        return self.recipe.levels * float(self._operations().detach())

    def _scale_response(self, batch):
        """Give the responses of the untrained network mean 0 and variance 1, so that the loss has a gradient."""
        with torch.no_grad():
            responses = self.network(batch.exemplars, batch.searches)
            self.network.adjust.scale /= responses.std()
            self.network.adjust.bias.copy_(-responses.mean() / responses.std())

    def _set_bounds(self, batch):
        """Set the initial bounds so that one activation in a thousand is clipped."""
        self.network.eval()
        with torch.no_grad():
            activations = [self.network.activations(images) for images in (batch.exemplars, batch.searches)]
            for name in self.gates:
                self._gate(name).bound.fill_(
                    percentile_bound(np.concatenate([part[name].cpu().numpy().ravel() for part in activations]))
                )

    def _attach_gates(self):
        # forward hooks leave the state dictionary as that of a plain SiamFC, which modules would not
        for name, gate in self.gates.items():
            rectifier = self.network.stages[name][-1]
            rectifier.register_forward_hook(lambda module, inputs, output, gate=gate: gate(output))

    def bounds(self) -> dict[str, float]:
        """Return the learnt upper bound of each layer's activation.

        Returns
        -------
        dict of str to float
            Bounds by layer name; empty while activations are not quantised.
        """
        return {name: self._gate(name).bound.item() for name in self.gates} if self.spiking else {}

    def state(self) -> dict[str, Any]:
        """Return the state of the run, for `restore`.

        Returns
        -------
        dict
            Numbers, strings and tensors, which `torch.save` can write.
        """
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
        """Restore a saved state.

        Parameters
        ----------
        state : dict
            Result of `state` of a run with the same settings.
        """
        self.step, self.seconds, self.history = state["step"], state["seconds"], state["history"]
        self.network.load_state_dict(state["network"])
        self.gates.load_state_dict(state["gates"])
        self._distillation.load_state_dict(state["distillation"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self.spiking:
            self._attach_gates()


def outgoing_synapses(layers: tuple[Layer, ...]) -> dict[str, int]:
    """Count the synapses from each layer of a search branch to the next.

    Parameters
    ----------
    layers : tuple of Convolution and MaxPool
        The branch.

    Returns
    -------
    dict of str to int
        Number of outgoing synapses by layer name; the last layer has no entry.
    """
    projections = SpikingModel(layers, {}).projections(SEARCH_SIZE)
    pairs = zip(layers, layers[1:], strict=False)
    return {before.name: synapse_count(projections[layer.name]) for before, layer in pairs}
