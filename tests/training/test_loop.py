"""Training end to end: resumed runs, output files and refused input."""

import numpy as np
import pytest

from brian_siamsnn.connectivity.first_layer import FirstLayer
from brian_siamsnn.model.conversion import SpikingModel
from brian_siamsnn.model.files import read_model
from brian_siamsnn.model.layers import compact
from brian_siamsnn.model.quantised_cnn import quantised_counts
from brian_siamsnn.training.recipe import Recipe
from tests.helpers.messages import refused

torch = pytest.importorskip("torch")

from brian_siamsnn.model.ciresnet import ResidualSiamFC  # noqa: E402
from brian_siamsnn.model.cnn import SiamFC  # noqa: E402
from brian_siamsnn.training import loop  # noqa: E402
from brian_siamsnn.training.pair_store import images_to_tensor  # noqa: E402
from brian_siamsnn.training.quantised_branch import QuantisedBranch  # noqa: E402

#: Small enough to train in seconds; the last three of six steps are quantised.
TINY = {"architecture": "4-6-5", "steps": 6, "batch": 2, "spiking_share": 0.5, "held_out": ("b",), "pairs": 6}


@pytest.fixture(scope="module", autouse=True)
def few_held_out_pairs():
    """Score four pairs of each video instead of forty."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "HELD_OUT_PAIRS", 4)
        yield


def checkpoint(path):
    return torch.load(path.with_suffix(".checkpoint.pt"), weights_only=True)


# a run that is killed


class Killed:
    """An undisturbed run, and another one that is killed after step 5 and then resumed."""

    def __init__(self, folder, clips, report_every, **options):
        recipe = Recipe(report_every=report_every, operations_weight=0.1, **TINY)
        self.report_every = report_every
        self.whole = loop.train(clips, folder / "whole.safetensors", recipe, **options)
        output, calls, to_tensors = folder / "killed.safetensors", [], loop.to_tensors

        def killed(arrays, device):
            calls.append(arrays)
            if len(calls) == 6:
                raise KeyboardInterrupt
            return to_tensors(arrays, device)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "to_tensors", killed)
            with pytest.raises(KeyboardInterrupt):
                loop.train(clips, output, recipe, **options)
        self.wrote_a_model, self.stopped = output.exists(), checkpoint(output)
        self.resumed = loop.train(clips, output, recipe, **options)
        self.final = checkpoint(output)


@pytest.fixture(scope="module", params=[(2, False), (2, True), (3, False), (3, True)], ids=str)
def run(request, clips, teacher, tmp_path_factory):
    report_every, taught = request.param
    options = {"teacher": teacher} if taught else {}
    return Killed(tmp_path_factory.mktemp("run"), clips, report_every, **options)


def test_a_killed_run_leaves_the_checkpoint_of_its_last_report_and_no_model(run):
    # step 3 is the last before activations are quantised, step 4 the first report after it
    assert run.stopped["step"] == {2: 4, 3: 3}[run.report_every]
    assert not run.wrote_a_model


def test_a_resumed_run_has_the_same_history(run):
    def history(model):
        return {key: value for key, value in model.provenance["training"].items() if key != "seconds"}

    assert history(run.resumed) == history(run.whole)


def test_a_resumed_run_has_the_same_weights_and_scales(run):
    for name, (w, b) in run.whole.weights.items():
        np.testing.assert_array_equal(run.resumed.weights[name][0], w)
        np.testing.assert_array_equal(run.resumed.weights[name][1], b)
        np.testing.assert_array_equal(run.resumed.scales[name], run.whole.scales[name])


def test_batch_norm_is_frozen_in_the_last_part_while_weights_are_trained(run):
    before, after = run.stopped["network"], run.final["network"]
    for part in ("backbone.conv1.1.running_mean", "backbone.conv3.1.running_var"):
        assert torch.equal(before[part], after[part])
    assert not torch.equal(before["backbone.conv1.0.weight"], after["backbone.conv1.0.weight"])


def test_bounds_are_trained_in_the_last_part(run):
    before, after = run.stopped["quantised"], run.final["quantised"]
    assert before.keys() == after.keys() and all(before[name] != after[name] for name in before)


# the files of a run


@pytest.fixture(scope="module")
def trained(clips, tmp_path_factory):
    """A model as returned by training, the same model read from its file, and its path."""
    path = tmp_path_factory.mktemp("trained") / "model.safetensors"
    return loop.train(clips, path, Recipe(**TINY, report_every=4)), read_model(path), path


def test_the_history_has_every_report_and_the_last_step(trained):
    model, written, _ = trained
    assert [row["step"] for row in model.provenance["training"]["history"]] == [4, 6]
    assert written.provenance == model.provenance


def test_a_history_figure_is_written(trained):
    assert trained[2].with_suffix(".png").stat().st_size > 1000


def test_the_trained_model_can_spike(trained):
    written = trained[1]
    assert written.layers == compact("4-6-5")
    assert "4 levels" in written.normalisation and "fixed-point" in written.normalisation
    assert written.initial_potential == 0.5


def test_the_model_is_close_to_the_checkpoint_with_folded_batch_norm(trained):
    _, written, path = trained
    network = SiamFC(written.layers)
    network.load_state_dict(checkpoint(path)["network"])
    folded = SiamFC.from_folded(written.layers, written.weights, written.response_scale, written.response_bias)
    crops = torch.rand(1, 3, 127, 127) * 255, torch.rand(2, 3, 255, 255) * 255
    with torch.no_grad():
        exact, rounded = network.eval()(*crops), folded(*crops)
    # weights are rounded to about a thousandth of the threshold
    assert (rounded - exact).std() < 0.05 * exact.std()


def test_training_sees_the_integers_of_the_wave(trained):
    _, written, path = trained
    network = SiamFC(written.layers).eval()
    network.load_state_dict(checkpoint(path)["network"])
    branch = QuantisedBranch(network, 4)
    branch.load_state_dict(checkpoint(path)["quantised"])
    image = np.random.default_rng(0).integers(0, 256, (127, 127, 3)).astype(np.uint8)
    model = SpikingModel.from_model(written)
    expected = quantised_counts(model, FirstLayer(model).current(image), 4)["conv3"]
    with torch.no_grad():
        counts = branch.counts(branch.weights(), images_to_tensor([image]))[0].permute(1, 2, 0).numpy()
    assert expected.std() > 0
    np.testing.assert_array_equal(counts, expected)


def test_an_ordinary_network_gets_its_scales_from_photos(clips, tmp_path):
    recipe = Recipe(**{**TINY, "spiking_share": 0.0})
    model = loop.train(clips, tmp_path / "model.safetensors", recipe)
    assert (model.normalisation, model.initial_potential) == ("layer-norm, least squared error with 4 levels", 0.5)
    assert set(model.scales) == {"conv1", "conv2", "conv3"}


# a run that starts from another


@pytest.fixture(scope="module")
def base(clips, teacher, tmp_path_factory):
    """The model file of a run to start from; its checkpoint is beside it."""
    path = tmp_path_factory.mktemp("base") / "base.safetensors"
    loop.train(clips, path, Recipe(**{**TINY, "spiking_share": 0.0}), teacher=teacher)
    return path


@pytest.fixture(scope="module")
def continued(base, clips, teacher):
    """The model file of a run that starts from it and is too short to learn anything."""
    path = base.with_name("continued.safetensors")
    recipe = Recipe(**{**TINY, "steps": 1, "spiking_share": 1.0, "learning_rate": 1e-12})
    loop.train(clips, path, recipe, teacher=teacher, initial=base.with_suffix(".checkpoint.pt"))
    return path


def test_a_run_can_start_from_another_runs_weights(base, continued):
    network = checkpoint(continued)["network"]
    for name, tensor in checkpoint(base)["network"].items():
        torch.testing.assert_close(network[name], tensor)


def test_a_run_can_start_from_another_runs_adapter(base, continued):
    adapter = checkpoint(continued)["distillation"]
    for name, tensor in checkpoint(base)["distillation"].items():
        torch.testing.assert_close(adapter[name], tensor)


def test_starting_from_another_architecture_is_refused(base, clips, tmp_path):
    recipe, initial = Recipe(**{**TINY, "architecture": "4-6-6"}), base.with_suffix(".checkpoint.pt")
    with refused("initial", "architecture", "4-6-6", "4-6-5"):
        loop.train(clips, tmp_path / "other.safetensors", recipe, initial=initial)


def test_starting_from_a_model_file_is_refused(base, clips, tmp_path):
    with refused(base):
        loop.train(clips, tmp_path / "other.safetensors", Recipe(**TINY), initial=base)


def test_a_missing_start_checkpoint_is_named(clips, tmp_path):
    with refused(tmp_path / "nowhere.pt"):
        loop.train(clips, tmp_path / "other.safetensors", Recipe(**TINY), initial=tmp_path / "nowhere.pt")


# refused input


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"architecture": "resnet"}, ["architecture", "alexnet", "compact", "'resnet'"]),
        ({"architecture": "16-x"}, ["architecture", "'16-x'"]),
        ({"architecture": "16-33g2"}, ["architecture", "33g2", "16-33g2", 33, 16]),
        ({"batch": 3}, ["batch", 3]),
        ({"steps": 0}, ["steps", 0]),
        ({"learning_rate": float("nan")}, ["learning_rate", "nan"]),
        ({"operations_weight": -1.0}, ["operations_weight", 0, -1.0]),
        ({"spiking_share": 1.1}, ["spiking_share", 0, 1, 1.1]),
        ({"absence_weight": -1.0}, ["absence_weight", 0, -1.0]),
        ({"pairs": 1}, ["pairs", 2, 1]),
        ({"held_out": ("b", "c")}, ["held_out", "c", "b"]),
        ({"held_out": ()}, ["held_out"]),
        ({"held_out": ("a", "b")}, ["videos"]),
    ],
)
def test_invalid_settings_are_named(clips, tmp_path, settings, named):
    with refused(*named):
        loop.train(clips, tmp_path / "model.safetensors", Recipe(**{**TINY, **settings}))


def test_an_output_in_a_missing_folder_is_named_before_training(clips, tmp_path):
    with refused(tmp_path / "nowhere" / "model.safetensors"):
        loop.train(clips, tmp_path / "nowhere" / "model.safetensors", Recipe(**TINY))


@pytest.fixture
def finished(clips, tmp_path):
    """The model file of a finished one-step run, and its settings."""
    path, settings = tmp_path / "model.safetensors", {**TINY, "steps": 1, "spiking_share": 0.0}
    loop.train(clips, path, Recipe(**settings))
    return path, settings


def test_a_checkpoint_with_other_settings_is_refused(finished, clips):
    path, settings = finished
    with refused(path.with_suffix(".checkpoint.pt"), "batch", "seed"):
        loop.train(clips, path, Recipe(**{**settings, "batch": 4, "seed": 1}))


def test_an_invalid_checkpoint_is_refused(finished, clips):
    path, settings = finished
    path.with_suffix(".checkpoint.pt").write_bytes(b"nothing")
    with refused(path.with_suffix(".checkpoint.pt")):
        loop.train(clips, path, Recipe(**settings))


def test_a_diverging_run_names_the_learning_rate(clips, tmp_path):
    with refused("nan", "learning_rate"):
        loop.train(clips, tmp_path / "model.safetensors", Recipe(**{**TINY, "learning_rate": 1e30}))


def test_a_residual_network_is_trained_and_gets_its_scales_for_the_levels(clips, tmp_path):
    recipe = Recipe(**{**TINY, "architecture": "ciresnet22:2", "spiking_share": 0.0, "levels": 3})
    model = loop.train(clips, tmp_path / "model.safetensors", recipe)
    assert "3 levels" in model.normalisation and "fixed-point" in model.normalisation
    network = ResidualSiamFC(2)
    network.load_state_dict(checkpoint(tmp_path / "model.safetensors")["network"])
    crops = torch.rand(1, 3, 127, 127) * 255, torch.rand(2, 3, 255, 255) * 255
    with torch.no_grad():
        exact, rounded = network.eval()(*crops), SiamFC.from_model(read_model(tmp_path / "model.safetensors"))(*crops)
    # weights are rounded to about a thousandth of the threshold
    assert (rounded - exact).std() < 0.05 * exact.std()


def test_a_residual_network_is_not_trained_as_a_wave():
    with refused("spiking_share", "ciresnet22:16", 0.4):
        Recipe(architecture="ciresnet22:16")
