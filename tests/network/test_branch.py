"""The interface common to branches on all devices: arguments, results, attributes and recorded states."""

import numpy as np
import pytest

from brian_siamsnn.connectivity.first_layer import FirstLayer
from brian_siamsnn.model.conversion import SpikingModel
from brian_siamsnn.model.files import load_model
from brian_siamsnn.network.runtime import SpikingBranch
from tests.helpers.messages import refused
from tests.helpers.reference import NETWORKS, image, small_model

SIZE, STEPS = 26, 6


@pytest.fixture
def model():
    return small_model(NETWORKS["plain"])


def test_attributes_exist_before_the_first_run(model):
    branch = SpikingBranch(model, SIZE, STEPS, record=["conv1"])
    assert branch.steps_run == 0
    assert {name: counts.tolist() for name, counts in branch.spikes.items()} == {
        name: [0] * STEPS for name in branch.shapes
    }
    assert list(branch.operations) == list(branch.shapes)[1:]
    assert len(branch.trains("conv1")) == len(branch.trains(branch.last_layer)) == 0


def test_run_equals_run_batch_with_one_image(model):
    branch = SpikingBranch(model, SIZE, STEPS)
    one = branch.run(image(SIZE))
    (same,) = branch.run_batch(image(SIZE)[None])
    assert one == same and len(one) > 0


def test_a_batch_of_the_wrong_size_is_refused(model):
    with refused("images", (2, SIZE, SIZE, 3), (3, SIZE, SIZE, 3)):
        SpikingBranch(model, SIZE, STEPS, batch_size=2).run_batch(np.stack([image(SIZE)] * 3))


def test_an_image_index_outside_the_batch_is_refused(model):
    with refused("image", 0, 1, 2):
        SpikingBranch(model, SIZE, STEPS, batch_size=2).trains("conv3", 2)


def test_a_model_can_be_given_by_name_file_or_object(tmp_path):
    from brian_siamsnn.files import find
    from brian_siamsnn.sequences.synthetic import SyntheticSequence

    crop = next(iter(SyntheticSequence(frames=1)))[:87, :87]
    loaded = load_model("compact")
    forms = ["compact", find("weights", "compact", ".safetensors"), loaded, SpikingModel.from_model(loaded)]
    first, *others = (SpikingBranch(form, 87, 2).run(crop) for form in forms)
    assert len(first) > 0 and all(other == first for other in others)


def test_repr_is_one_line_with_size_steps_and_coding(model):
    text = repr(SpikingBranch(model, SIZE, STEPS, "two_status", batch_size=2))
    assert "\n" not in text
    for part in ("SpikingBranch", f"{SIZE}x{SIZE}", f"T={STEPS}", "two_status", "2 images"):
        assert part in text


@pytest.fixture(scope="module", params=["kernel", "synapses"])
def recorded(request):
    """A branch that recorded the states of its first two layers, and its input."""
    model = small_model(NETWORKS["plain"])
    states = {"conv1": ["v", "v_th"], "conv2": ["v", "v_th"]}
    options = {"record": ["conv1", "conv2"], "record_states": states, "dtype": np.float64, "batch_size": 2}
    branch = SpikingBranch(model, SIZE, STEPS, connectivity=request.param, **options)
    pictures = np.stack([image(SIZE, 1), image(SIZE, 2)])
    branch.run_batch(pictures)
    return branch, pictures


@pytest.mark.parametrize("layer", ["conv1", "conv2"])
@pytest.mark.parametrize("number", [0, 1])
def test_neurons_fire_exactly_when_the_recorded_potential_reaches_the_threshold(recorded, layer, number):
    branch, _ = recorded
    v, threshold = (branch.states(layer, name, number) for name in ("v", "v_th"))
    fired = branch.trains(layer, number).dense() > 0
    assert v.shape == fired.shape and fired.any()
    np.testing.assert_array_equal(v >= threshold, fired)


@pytest.mark.parametrize("number", [0, 1])
def test_potentials_of_the_first_layer_follow_equation_2(recorded, number):
    """V(t) = V(t-1) + I, minus V_th after a spike, step by step in NumPy with double precision."""
    branch, pictures = recorded
    current = FirstLayer(branch.model).current(pictures[number]).astype(float)
    v = np.full(current.shape, branch.model.initial_potential)
    for recorded_v in branch.states("conv1", "v", number):
        v += current
        np.testing.assert_allclose(recorded_v, v, rtol=0, atol=1e-12)
        v[v >= 1] -= 1


def test_recording_states_does_not_change_spikes(recorded):
    branch, pictures = recorded
    plain = SpikingBranch(branch.model, SIZE, STEPS, record=["conv1", "conv2"], dtype=np.float64, batch_size=2)
    plain.run_batch(pictures)
    for layer in ("conv1", "conv2", "conv3"):
        assert plain.trains(layer, 1) == branch.trains(layer, 1)


def test_states_are_from_the_last_run(model):
    branch = SpikingBranch(model, SIZE, STEPS, record_states={"conv1": ["v"]})
    assert branch.states("conv1", "v").shape == (0, *branch.shapes["conv1"])
    branch.run(image(SIZE, 1))
    branch.run(image(SIZE, 2))
    last = branch.states("conv1", "v")
    alone = SpikingBranch(model, SIZE, STEPS, record_states={"conv1": ["v"]})
    alone.run(image(SIZE, 2))
    np.testing.assert_array_equal(last, alone.states("conv1", "v"))


@pytest.mark.parametrize(
    ("states", "named"),
    [({"conv9": ["v"]}, ["record_states", "'conv9'"]), ({"conv1": ["u"]}, ["record_states", "conv1", "'u'"])],
)
def test_unknown_states_are_refused(model, states, named):
    with refused(*named):
        SpikingBranch(model, SIZE, STEPS, record_states=states)


def test_states_that_were_not_recorded_are_refused(model):
    with refused("conv1", "'v'", "record_states"):
        SpikingBranch(model, SIZE, STEPS).states("conv1", "v")


def test_trains_between_two_steps_are_those_so_far(model):
    branch = SpikingBranch(model, SIZE, STEPS)
    whole = branch.run(image(SIZE)).dense()
    for step, _ in enumerate(branch.stepwise(image(SIZE)[None]), 1):
        so_far = branch.trains(branch.last_layer).dense()
        np.testing.assert_array_equal(so_far[:step], whole[:step])
        assert not so_far[step:].any()
    np.testing.assert_array_equal(branch.trains(branch.last_layer).dense(), whole)


def _scaled(kind):
    shown = image(SIZE)
    return {
        "0 to 1": (shown / 255, ["float64", 0, 1, "255"]),
        "16 bits": (shown.astype(np.uint16) * 257, ["uint16", 0, 65535, "257"]),
        "negative": (shown - 128.0, ["float64", -128, 127]),
        "too bright": (shown * 2.0, ["float64", 0, 510]),
        "not a number": (np.where(shown == 0, np.nan, shown), ["float64", "NaN"]),
        "infinite": (np.where(shown == 0, np.inf, shown), ["float64", "infinity"]),
        "boolean": (shown > 128, ["bool", "np.uint8"]),
    }[kind]


@pytest.mark.parametrize("kind", ["0 to 1", "16 bits", "negative", "too bright", "not a number", "infinite", "boolean"])
def test_pixels_out_of_range_are_refused(model, kind):
    shown, named = _scaled(kind)
    assert image(SIZE).min() == 0
    assert image(SIZE).max() == 255
    branch = SpikingBranch(model, SIZE, 2)
    for show in (branch.run, branch.show):
        with refused("image", *named):
            show(shown)


def test_pixels_of_any_type_are_shown_alike(model):
    branch = SpikingBranch(model, SIZE, STEPS)
    expected = branch.run(image(SIZE))
    for kind in (np.int16, np.uint16, np.int64, np.float32, np.float64):
        assert branch.run(image(SIZE).astype(kind)) == expected
    black = np.zeros((SIZE, SIZE, 3))
    assert branch.run(black) == branch.run(black.astype(np.uint8))
