"""The survey of devices and connectivity before anything is built."""

import pytest

from brian_siamsnn.model.layers import ALEXNET, Convolution, MaxPool
from brian_siamsnn.network import genn
from brian_siamsnn.network.devices import DEVICES, build_branch, survey_devices
from tests.helpers.messages import refused
from tests.helpers.reference import NETWORKS, small_model

SIZE = 26


WIDE = (*NETWORKS["pools"][:1], MaxPool("pool1", 5, 2), Convolution("conv2", 6, 4, 3))


def test_a_pooling_window_too_large_for_genn_is_refused(without_genn):
    with refused("pool1", 25, 24):
        build_branch(small_model(WIDE), SIZE, coding="rate", device="genn")


def test_a_pooling_window_too_large_for_genn_is_reported_in_the_survey(without_genn):
    assert survey_devices(small_model(WIDE), SIZE, coding="rate")[4].cannot[0].startswith("pool1")


@pytest.fixture(scope="module")
def survey():
    """The survey of the published network, by device and connectivity."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(genn, "genn_problem", lambda backend="cpu": None)
        return {(r.device, r.connectivity): r for r in survey_devices(small_model(ALEXNET), 255)}


def test_every_device_is_surveyed(survey):
    assert {device for device, _ in survey} == {*DEVICES, "cuda"}


def test_the_kernel_can_simulate_the_published_network(survey):
    assert not survey["runtime", "kernel"].cannot


def test_memory_of_explicit_synapses_by_hand(survey):
    # 2.2 billion synapses of 32 bytes are 65 GiB; 3.4 million neurons are negligible
    assert 60 < survey["runtime", "synapses"].memory / 2**30 < 75


@pytest.mark.parametrize("device", ["runtime", "genn"])
def test_explicit_synapses_of_the_published_network_do_not_fit(survey, device):
    assert any("GiB" in line for line in survey[device, "synapses"].cannot)


def test_a_device_missing_from_brian2_is_absent(survey):
    assert survey["cuda", "synapses"].absent and not survey["cuda", "synapses"].usable
