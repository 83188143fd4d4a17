"""State of a training run: everything that changes while a network is trained.

The first part of a run is conventional: losses on response maps, batch norm, rectifiers, and, with a teacher, losses
on its responses and features. In the last part, batch norm is frozen, and the branch is that of a wave: fixed-point
weights and p activation levels (`quantised_branch`). In each part the learning rate decays exponentially to one
hundredth; the last part starts with a quarter of it.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ..connectivity.explicit import synapse_count
from ..crops import SEARCH_SIZE
from ..errors import InputError
from ..model.ciresnet import ResidualSiamFC
from ..model.ciresnet_names import ciresnet22_width
from ..model.cnn import SiamFC, nn, torch
from ..model.conversion import SpikingModel
from ..model.graph import is_graph
from ..model.layers import Convolution, architecture, convolutions
from .distillation import Distillation, cross_responses, unexplained
from .loss import absence_loss, balanced_loss, labels, peak_loss
from .pair_store import DIRECTIONS
from .quantised_branch import QuantisedBranch

if TYPE_CHECKING:
    from ..model.layers import Layer
    from .recipe import Recipe

__all__ = ["Batch", "TrainingRun", "outgoing_synapses"]

#: The learning rate decays exponentially to this fraction of its initial value.
FINAL_LEARNING_RATE = 0.01
#: Initial learning rate of the last part, as a fraction of that of the first.
LAST_PART = 0.25


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
    targets : torch.Tensor of int, shape (B,)
        Number of the target that each pair shows.
    teacher : tuple of torch.Tensor, shapes (B, C, h, h) and (B, C, H, H), or None
        Features of the teacher for exemplars and windows, if there is a teacher.
    """

    exemplars: torch.Tensor
    searches: torch.Tensor
    displacements: torch.Tensor
    targets: torch.Tensor
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
    quantised : QuantisedBranch
        Its branch in the last part.
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
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.network = _network(recipe.architecture)
            last = convolutions(self.network.layers)[-1]
            self._distillation = Distillation(last.out_channels, DIRECTIONS) if teacher_response else nn.Module()
        if self._has_initial:
            self._start_from(initial)
        self.network.to(device, memory_format=torch.channels_last)
        self._distillation.to(device)
        self.quantised = QuantisedBranch(self.network, recipe.levels).to(device)
        parameters = [*self.network.parameters(), *self.quantised.parameters(), *self._distillation.parameters()]
        self._optimizer = torch.optim.AdamW(parameters, recipe.learning_rate, weight_decay=1e-4)
        self._synapses = {} if is_graph(self.network.layers) else outgoing_synapses(self.network.layers)

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
        """Whether the last completed step used the branch of a wave."""
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
        if self.step == 0 and not self._has_initial:
            self._scale_response(batch)
        if self.step == recipe.spiking_from:
            self.network.eval()
            self.quantised.set_bounds((batch.exemplars, batch.searches))
        # batch norm is frozen once activations are quantised, because it is folded into the weights
        self.network.train(self.step < recipe.spiking_from)
        for group in self._optimizer.param_groups:
            group["lr"] = self._learning_rate()
        loss = self._loss(batch)
        if not torch.isfinite(loss):
            raise InputError(f"training: the loss is {loss.item()} at step {self.step}; lower learning_rate")
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        self.step += 1
        return loss.item()

    def _learning_rate(self):
        recipe = self.recipe
        if self.step < recipe.spiking_from:
            return recipe.learning_rate * FINAL_LEARNING_RATE ** (self.step / recipe.spiking_from)
        done = (self.step - recipe.spiking_from) / (recipe.steps - recipe.spiking_from)
        return recipe.learning_rate * LAST_PART * FINAL_LEARNING_RATE**done

    def _loss(self, batch):
        recipe, quantised = self.recipe, self.step >= self.recipe.spiking_from
        z, x = self._features((batch.exemplars, batch.searches), quantised)
        adjust = self.network.adjust
        maps = adjust.scale * cross_responses(z, x) + adjust.bias
        own = maps.diagonal().permute(2, 0, 1)
        loss = balanced_loss(own, labels(batch.displacements, own.shape[-1]))
        if recipe.peak_weight:
            loss = loss + recipe.peak_weight * peak_loss(own, batch.displacements)
        if recipe.absence_weight:
            loss = loss + recipe.absence_weight * absence_loss(maps, batch.targets)
        if batch.teacher is not None:
            scale, bias = self._teacher_response or (1.0, 0.0)
            theirs = scale * cross_responses(*batch.teacher) + bias
            loss = loss + recipe.response_weight * unexplained(maps, theirs)
            loss = loss + recipe.feature_weight * self._distillation((z, x), batch.teacher)
        if quantised and recipe.operations_weight:
            # the rates are those of the search crops, which were embedded last
            loss = loss + recipe.operations_weight * self._operations() / sum(self._synapses.values())
        return loss

    def _features(self, images, quantised):
        """Features of several batches of images, of the network or of the branch of the wave."""
        if not quantised:
            return [self.network.embed(some) for some in images]
        weights = self.quantised.weights()
        return [self.quantised.embed(weights, some) for some in images]

    def respond(self, exemplars: torch.Tensor, searches: torch.Tensor) -> torch.Tensor:
        """Compute the response map of each pair, without training, with the branch that the last step used.

        Parameters
        ----------
        exemplars : torch.Tensor, shape (B, 3, 127, 127)
            Exemplar crops.
        searches : torch.Tensor, shape (B, 3, S, S)
            Search crops.

        Returns
        -------
        torch.Tensor, shape (B, H, W)
            Response maps.
        """
        self.network.eval()
        with torch.no_grad():
            return self.network.response(*self._features((exemplars, searches), self.spiking))

    def _operations(self) -> Any:
        """Return the synaptic operations per time step of one search crop, at the rates of the last images."""
        return sum(count * self.quantised.rates[name] for name, count in self._synapses.items())

    def operations(self) -> float:
        """Count the synaptic operations of a search crop as a wave, at the rates of the last images.

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
            "quantised": self.quantised.state_dict(),
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
        self.quantised.load_state_dict(state["quantised"])
        self._distillation.load_state_dict(state["distillation"])
        self._optimizer.load_state_dict(state["optimizer"])


def _network(name):
    """A network with random weights; its last layer is rectified too, because spike counts are never negative."""
    if width := ciresnet22_width(name):
        return ResidualSiamFC(width)
    layers = (replace(one, rectify=True) if isinstance(one, Convolution) else one for one in architecture(name))
    return SiamFC(tuple(layers))


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
