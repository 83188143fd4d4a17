"""Both forms of connectivity compared with each other and with PyTorch, spike by spike."""

import brian2
import numpy as np
import pytest

from brian_siamsnn.connectivity.first_layer import FirstLayer
from brian_siamsnn.network.runtime import SpikingBranch
from brian_siamsnn.neurons.equations import load_equations
from tests.helpers.messages import refused
from tests.helpers.paths import ROOT
from tests.helpers.reference import NETWORKS, SMALLEST, image, simulate, small_model

SIZE, STEPS = 26, 12


def run(model, connectivity, dtype=np.float64, coding="rate", steps=STEPS, **options):
    layers = tuple(layer.name for layer in model.layers)
    branch = SpikingBranch(model, SIZE, steps, coding, connectivity=connectivity, dtype=dtype, record=layers, **options)
    branch.run(image(SIZE))
    return branch, {name: branch.trains(name).dense() for name in layers}


@pytest.fixture(params=NETWORKS)
def model(request):
    return small_model(NETWORKS[request.param])


@pytest.mark.parametrize("connectivity", ["kernel", "synapses"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_spikes_equal_pytorch(model, connectivity, dtype):
    pytest.importorskip("torch", reason="the reference simulation is PyTorch's")
    _, trains = run(model, connectivity, dtype)
    expected = simulate(model, FirstLayer(model).current(image(SIZE)), STEPS)
    for name, train in trains.items():
        # every layer must fire, or equality would show nothing
        assert 0.005 < (expected[name] > 0).mean() < 0.9
        np.testing.assert_array_equal(train, expected[name], err_msg=name)


@pytest.mark.parametrize("connectivity", ["kernel", "synapses"])
def test_two_status_output_equals_pytorch(connectivity):
    pytest.importorskip("torch", reason="the reference simulation is PyTorch's")
    model = small_model(NETWORKS["pools"])
    coding = load_equations("two_status", reading="ceil", beta=0.625, p=4)
    _, trains = run(model, connectivity, coding=coding)
    # p = 4: closed in steps 1-4 and 9-12, open in steps 5-8
    thresholds = [1000.0] * 4 + [0.625] * 4 + [1000.0] * 4
    expected = simulate(model, FirstLayer(model).current(image(SIZE)), STEPS, thresholds)
    assert (expected["conv3"] > 0).any()
    for name, train in trains.items():
        np.testing.assert_array_equal(train, expected[name].astype(np.float32), err_msg=name)


def test_two_status_in_hidden_layers_is_the_same_in_both_forms_of_connectivity():
    model = small_model(NETWORKS["pools"])
    coding = load_equations("two_status", reading="floor_from_zero", beta=0.625, p=2)
    (_, kernel), (_, synapses) = (run(model, form, hidden_coding=coding) for form in ("kernel", "synapses"))
    assert {float(a) for a in np.unique(kernel["conv1"])} == {0.0, 0.625}
    for name in kernel:
        assert kernel[name].any()
        np.testing.assert_array_equal(kernel[name], synapses[name], err_msg=name)


@pytest.mark.cython
def test_cython_and_numpy_give_the_same_spikes(use_cython):
    model = small_model(SMALLEST)
    _, expected = run(model, "kernel")
    use_cython()
    for connectivity in ("kernel", "synapses"):
        branch, trains = run(model, connectivity)
        assert branch.codegen == "cython"
        for name, train in trains.items():
            assert train.any(), name
            np.testing.assert_array_equal(train, expected[name], err_msg=name)


@pytest.mark.cython
def test_code_that_fails_in_cython_is_named(use_cython, tmp_path):
    """Brian2 only warns: the neurons would never fire."""
    own = tmp_path / "own.toml"
    own.write_text((ROOT / "equations" / "rate.toml").read_text().replace("v_th", "cdef"))
    use_cython(optimised=False)
    with refused("Cython", "keyword"):
        run(small_model(SMALLEST), "kernel", coding=own)


def test_one_and_two_threads_give_the_same_spikes():
    model = small_model(NETWORKS["wide"])
    (_, one), (_, two) = (run(model, "kernel", np.float32, threads=threads) for threads in (1, 2))
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])


def test_every_image_starts_from_the_initial_state():
    model = small_model(NETWORKS["pools"])
    for connectivity in ("kernel", "synapses"):
        branch = SpikingBranch(model, SIZE, STEPS, "two_status", connectivity=connectivity)
        first, between, again = (branch.run(image(SIZE, seed)) for seed in (1, 2, 1))
        assert not np.array_equal(first.dense(), between.dense())
        np.testing.assert_array_equal(first.dense(), again.dense())
        assert len(first) == branch.spikes["conv3"].sum()


@pytest.mark.parametrize(("network", "connectivity"), [*((name, "kernel") for name in NETWORKS), ("pools", "synapses")])
def test_images_side_by_side_are_independent(network, connectivity):
    model = small_model(NETWORKS[network])
    layers = tuple(layer.name for layer in model.layers)
    options = {"connectivity": connectivity, "dtype": np.float64, "record": layers}
    images = [image(SIZE, seed) for seed in (1, 2, 3)]
    together = SpikingBranch(model, SIZE, STEPS, batch_size=3, **options)
    assert len(together.run_batch(images)) == 3
    alone = SpikingBranch(model, SIZE, STEPS, **options)
    spikes = dict.fromkeys(layers, 0)
    operations = dict.fromkeys(layers[1:], 0)
    for n, picture in enumerate(images):
        alone.run(picture)
        for name in layers:
            assert len(alone.trains(name)) > 0
            np.testing.assert_array_equal(together.trains(name, n).dense(), alone.trains(name).dense(), err_msg=name)
            spikes[name] = spikes[name] + alone.spikes[name]
        for name in operations:
            operations[name] = operations[name] + alone.operations[name]
    for name in layers:
        np.testing.assert_array_equal(together.spikes[name], spikes[name])
    for name in operations:
        np.testing.assert_array_equal(together.operations[name], operations[name])


def test_one_image_for_a_branch_of_three_is_refused():
    branch = SpikingBranch(small_model(NETWORKS["plain"]), SIZE, STEPS, batch_size=3)
    with refused("run", "batch_size=3", "run_batch"):
        branch.run(image(SIZE))


def test_operations_are_spikes_times_synapses(model):
    counted = {}
    for connectivity in ("kernel", "synapses"):
        branch, trains = run(model, connectivity)
        counted[connectivity] = branch.operations
    for name, events in counted["kernel"].items():
        np.testing.assert_array_equal(events, counted["synapses"][name], err_msg=name)
    # counted from Brian2's own synapses of each neuron that fired
    before = dict(zip(list(branch.groups)[1:], branch.groups, strict=False))
    for name, synapses in _synapses(branch).items():
        spikes_of_neuron = (trains[before[name]] > 0).sum(0).ravel()
        outgoing = np.bincount(synapses.i[:], minlength=spikes_of_neuron.size)
        assert counted["synapses"][name].sum() == (spikes_of_neuron * outgoing).sum()


def _synapses(branch):
    return {obj.target.name: obj for obj in branch.network.objects if isinstance(obj, brian2.Synapses)}


def test_a_pixel_population_equals_the_constant_current():
    """Real coding (III.D): pixels that fire their value in every step drive the first layer like a constant current."""
    from brian_siamsnn.connectivity.explicit import convolution_synapses
    from brian_siamsnn.model.layers import Convolution
    from brian_siamsnn.model.projection import Projection

    layer = Convolution("conv1", 3, 6, 3, 2)
    model = small_model((layer,))
    size, picture = 9, image(9)
    branch = SpikingBranch(model, size, STEPS, dtype=np.float64)
    expected = branch.run(picture)

    clock = brian2.Clock(dt=1 * brian2.ms)
    real, rate = load_equations("real"), load_equations("rate")
    pixels = real.group(size * size * 3, "pixels", clock)
    pixels.value = picture.ravel().astype(float)
    shape = branch.shapes["conv1"]
    neurons = rate.group(int(np.prod(shape)), "neurons", clock)
    neurons.I = np.tile(model.weights["conv1"][1], shape[0] * shape[1])
    i, j, w = convolution_synapses(Projection(layer, (size, size, 3), shape), model.weights["conv1"][0])
    synapses = brian2.Synapses(pixels, neurons, "w : 1", on_pre=rate.arriving(real), delay=0 * brian2.ms, clock=clock)
    synapses.connect(i=i, j=j)
    synapses.w = w
    pixels.thresholder["spike"].when = synapses.pre.when = neurons.thresholder["spike"].when = "thresholds"
    pixels.thresholder["spike"].order, synapses.pre.order, neurons.thresholder["spike"].order = 0, 1, 2
    monitor = brian2.SpikeMonitor(neurons)
    brian2.Network(pixels, neurons, synapses, monitor).run(STEPS * brian2.ms)
    assert len(expected) > 50
    np.testing.assert_array_equal(monitor.i, expected.neuron)
    np.testing.assert_array_equal(np.round(monitor.t / brian2.ms), expected.step)


@pytest.mark.parametrize(
    ("arguments", "options", "named"),
    [
        ((0,), {}, ["steps", 1, 0]),
        ((), {"connectivity": "dense"}, ["connectivity", "'kernel'", "'synapses'", "'dense'"]),
        ((), {"record": ("conv9",)}, ["record", "'conv9'"]),
    ],
)
def test_invalid_settings_are_named(arguments, options, named):
    with refused(*named):
        SpikingBranch(small_model(NETWORKS["plain"]), SIZE, *arguments, **options)


def test_an_image_of_the_wrong_size_is_refused():
    with refused("image", (26, 26, 3), (27, 26, 3)):
        SpikingBranch(small_model(NETWORKS["plain"]), SIZE, 2).run(np.zeros((27, 26, 3), np.uint8))


def test_an_unrecorded_layer_is_named():
    branch = SpikingBranch(small_model(NETWORKS["plain"]), SIZE, 2)
    branch.run(image(SIZE))
    with refused("conv1", ["conv3"]):
        branch.trains("conv1")


@pytest.mark.data
def test_full_siamfc_on_a_real_image_equals_pytorch(data):
    """The published network at full width: 0.46 billion synapses, compared in every layer, spike by spike."""
    pytest.importorskip("torch", reason="checkpoints are PyTorch's")
    from brian_siamsnn.crops import crop
    from brian_siamsnn.model.calibration import calibration_crops, convert
    from brian_siamsnn.model.checkpoints import import_checkpoint
    from brian_siamsnn.model.conversion import SpikingModel
    from brian_siamsnn.sequences.sources import open_sequence

    cnn = import_checkpoint(data / "weights" / "siamfc_3s_color_pretrained_bnfolded.pth")
    sequence = open_sequence(data / "otb" / "Crossing")
    model = SpikingModel.from_model(convert(cnn, calibration_crops(sequence, 2), percentile=99.9))
    picture = crop(next(iter(sequence)), (120, 180), 200, 127, (0, 0, 0))
    layers = tuple(layer.name for layer in model.layers)
    branch = SpikingBranch(model, 127, 8, dtype=np.float64, record=layers)
    branch.run(picture)
    expected = simulate(model, FirstLayer(model).current(picture), 8)
    for name in layers:
        assert (expected[name] > 0).mean() > 0.005
        np.testing.assert_array_equal(branch.trains(name).dense(), expected[name], err_msg=name)


def test_the_shipped_model_gives_the_same_spikes_with_explicit_synapses():
    """With millions of Brian2 synapses, the exemplar branch fires the same spikes as with the shared kernel."""
    from brian_siamsnn.model.conversion import SpikingModel
    from brian_siamsnn.model.files import load_model

    model = SpikingModel.from_model(load_model("compact"))
    kernel, synapses = (SpikingBranch(model, 127, 6, connectivity=form) for form in ("kernel", "synapses"))
    np.testing.assert_array_equal(kernel.run(image(127)).dense(), synapses.run(image(127)).dense())
    assert kernel.spikes["conv5"].sum() > 100
    for name, events in kernel.operations.items():
        np.testing.assert_array_equal(events, synapses.operations[name])
