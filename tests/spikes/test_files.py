"""Files and objects of other programs: round trips, reading by those programs, and damaged files."""

import csv
import sys

import numpy as np
import pytest

from brian_siamsnn.errors import InputError
from brian_siamsnn.spikes.files import FORMATS, read_spikes, write_spikes
from brian_siamsnn.spikes.objects import from_neo, to_neo, to_pyspike
from brian_siamsnn.spikes.trains import SpikeTrains
from tests.helpers.messages import refused

# neuron (y W + x) C + c: 1 = (0, 0, 1), 11 = (1, 2, 1), 5 = (0, 2, 1)
BY_HAND = SpikeTrains(
    np.array([1, 11, 1, 5]), np.array([0, 0, 3, 7]), np.array([1, 0.1, 0.65, 1], np.float32), (2, 3, 2), 8
)


def random_trains(seed, shape, steps, share):
    rng = np.random.default_rng(seed)
    step, neuron = np.nonzero(rng.random((steps, int(np.prod(shape)))) < share)
    return SpikeTrains(neuron.astype(np.int32), step, rng.random(len(step), np.float32), shape, steps)


@pytest.fixture
def populations():
    silent = SpikeTrains(*(np.array([], kind) for kind in (int, int, np.float32)), (1, 1, 3), 5)
    return {
        "search/conv5": random_trains(0, (7, 6, 5), 20, 0.2),
        "silent": silent,
        "exemplar/conv5": BY_HAND,
        "long": random_trains(1, (1, 1, 4), 1200, 0.5),
    }


def needs(format):
    if format == "nwb":
        pytest.importorskip("pynwb", reason="NWB files are pynwb's (extra 'spikes')")


@pytest.mark.parametrize("format", FORMATS)
def test_spike_trains_round_trip(format, populations, tmp_path):
    needs(format)
    path = tmp_path / f"spikes.{format}"
    write_spikes(path, populations)
    again = read_spikes(path)
    assert list(again) == list(populations)
    for name in populations:
        assert again[name] == populations[name], name
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("format", FORMATS)
def test_a_neuron_that_fires_twice_in_a_step_is_not_written(format, tmp_path):
    needs(format)
    twice = SpikeTrains(np.array([4, 9, 4]), np.array([2, 3, 2]), np.ones(3), (2, 3, 2), 8)
    with refused("mine", "neuron 4", "step 2"):
        write_spikes(tmp_path / f"spikes.{format}", {"mine": twice})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", FORMATS)
def test_silent_trains_round_trip(format, populations, tmp_path):
    needs(format)
    path = tmp_path / "spikes"
    write_spikes(path, {"silent": populations["silent"]}, format)
    assert read_spikes(path, format) == {"silent": populations["silent"]}


def test_csv_line_by_line(tmp_path):
    write_spikes(tmp_path / "a.csv", {"conv5": BY_HAND})
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines == [
        "# population conv5: 2 x 3 x 2 neurons (H x W x C), 8 steps, 4 spikes",
        "population,neuron,y,x,c,step,amplitude",
        "conv5,1,0,0,1,0,1",
        "conv5,11,1,2,1,0,0.1",
        "conv5,1,0,0,1,3,0.65",
        "conv5,5,0,2,1,7,1",
    ]
    with open(tmp_path / "a.csv", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert [row["step"] for row in rows] == ["0", "0", "3", "7"]


def test_npz_files_are_plain_numpy(tmp_path):
    write_spikes(tmp_path / "a.npz", {"search/conv5": BY_HAND})
    with np.load(tmp_path / "a.npz") as file:
        np.testing.assert_array_equal(file["search/conv5/neuron"], [1, 11, 1, 5])
        np.testing.assert_array_equal(file["search/conv5/step"], [0, 0, 3, 7])
        np.testing.assert_array_equal(file["search/conv5/layer"], [2, 3, 2, 8])


def test_pynwb_reads_nwb_files(populations, tmp_path):
    pynwb = pytest.importorskip("pynwb", reason="NWB files are pynwb's (extra 'spikes')")
    write_spikes(tmp_path / "a.nwb", populations)
    errors = pynwb.validate(path=str(tmp_path / "a.nwb"))
    assert not errors
    with pynwb.NWBHDF5IO(str(tmp_path / "a.nwb"), "r") as source:
        units = source.read().units.to_dataframe()
        table = units[units.population == "exemplar/conv5"].set_index("neuron")
        assert table.index.tolist() == [1, 5, 11]
        # neuron 1 fires in steps 0 and 3: at 0 s and at 3 ms
        assert table.spike_times[1].tolist() == [0, 0.003]
        np.testing.assert_array_equal(table.amplitude[1], np.float32([1, 0.65]))
        np.testing.assert_array_equal(table.obs_intervals[1], [[0, 0.008]])
        assert table.loc[11, ["y", "x", "c"]].tolist() == [1, 2, 1]


def test_neo_objects_by_hand():
    pytest.importorskip("neo", reason="Neo is in the extra 'spikes'")
    one, five, eleven = to_neo(BY_HAND, name="conv5")
    assert one.times.rescale("s").magnitude.tolist() == [0, 0.003]
    assert (one.t_start.rescale("ms").item(), one.t_stop.rescale("ms").item(), one.name) == (0, 8, "conv5")
    assert one.annotations == {"neuron": 1, "y": 0, "x": 0, "c": 1}
    assert eleven.annotations == {"neuron": 11, "y": 1, "x": 2, "c": 1}
    np.testing.assert_array_equal(one.array_annotations["amplitude"], np.float32([1, 0.65]))
    silent, again = to_neo(BY_HAND, neurons=[2, 11])
    assert len(silent) == 0 and silent.annotations["neuron"] == 2 and again.times.magnitude.tolist() == [0]


def test_neo_objects_round_trip(populations):
    pytest.importorskip("neo", reason="Neo is in the extra 'spikes'")
    for trains in populations.values():
        assert from_neo(to_neo(trains), trains.shape, trains.steps) == trains


@pytest.fixture
def neo():
    return pytest.importorskip("neo", reason="Neo is in the extra 'spikes'")


def test_a_foreign_neo_object_is_read_in_its_own_unit(neo):
    plain = neo.SpikeTrain([0.002, 0.004], units="s", t_stop=1, neuron=3)
    expected = SpikeTrains(np.array([3, 3]), np.array([2, 4]), np.ones(2), (1, 1, 4), 10)
    assert from_neo([plain], (1, 1, 4), 10) == expected


def test_a_neo_object_with_a_time_between_steps_is_refused(neo):
    with refused("neo.SpikeTrain 0", [2.5]):
        from_neo([neo.SpikeTrain([2.5], units="ms", t_stop=9, neuron=3)], (1, 1, 4), 10)


def test_a_neo_object_without_its_neuron_is_refused(neo):
    with refused("neo.SpikeTrain 0", "'neuron'", []):
        from_neo([neo.SpikeTrain([2], units="ms", t_stop=9)], (1, 1, 4), 10)


@pytest.fixture
def pyspike():
    return pytest.importorskip("pyspike", reason="PySpike is in the extra 'spikes'")


def test_pyspike_trains_by_hand(pyspike):
    one, _, _ = to_pyspike(BY_HAND)
    assert (one.spikes.tolist(), one.t_start, one.t_end) == ([0, 3], 0, 8)


def test_pyspike_treats_trains_one_step_apart_as_synchronous(pyspike):
    # no other spikes are near: all spikes coincide
    shifted = SpikeTrains(np.array([0, 0, 1, 1]), np.array([2, 6, 3, 7]), np.ones(4), (1, 1, 2), 10)
    assert pyspike.spike_sync(*to_pyspike(shifted)) == 1


def test_an_unknown_neuron_is_refused(pyspike):
    with refused("neurons", 0, 11, 3, 12):
        to_pyspike(BY_HAND, [3, 12])


@pytest.mark.parametrize("module", ["neo", "pyspike", "pynwb"])
def test_a_missing_extra_names_the_install_command(module, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, module, None)
    export = {
        "neo": to_neo,
        "pyspike": to_pyspike,
        "pynwb": lambda trains: write_spikes(tmp_path / "a.nwb", {"conv5": trains}),
    }[module]
    with refused("pip install 'brian_siamsnn[spikes]'"):
        export(BY_HAND)


@pytest.mark.parametrize("format", FORMATS)
def test_a_truncated_file_is_named(format, populations, tmp_path):
    needs(format)
    path = tmp_path / f"spikes.{format}"
    write_spikes(path, populations)
    content = path.read_bytes()
    for share in (0, 0.1, 0.4, 0.9):
        path.write_bytes(content[: int(share * len(content))])
        with refused(path):
            read_spikes(path)


@pytest.mark.parametrize("format", ["npz", "nwb"])
def test_flipped_bytes_are_detected_or_harmless(format, populations, tmp_path):
    needs(format)
    path = tmp_path / f"spikes.{format}"
    write_spikes(path, {"conv5": populations["search/conv5"]})
    content = bytearray(path.read_bytes())
    for place in np.linspace(0, len(content) - 1, 8).astype(int):
        damaged = content.copy()
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            read_spikes(path)
        except InputError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (
            "population,neuron",
            "layer,neuron",
            ["'population,neuron,y,x,c,step,amplitude'", "'layer,neuron,y,x,c,step,amplitude'"],
        ),
        ("conv5,1,0,0,1,0,1", "conv5,12,0,0,1,0,1", ["neurons", 0, 11, 12]),
        ("conv5,1,0,0,1,0,1", "conv5,1,0,1,0,0,1", ["conv5", "neuron", "y", "x", "c"]),
        ("conv5,1,0,0,1,0,1", "conv5,1,0,0,1,0.5,1", ["conv5", "neuron", "y", "x", "c"]),
        ("conv5,1,0,0,1,0,1", "conv5,1,0,0,1,8,1", ["steps", 0, 7, 8]),
        ("conv5,1,0,0,1,0,1", "conv5,1,0,0,1,x,1", ["conv5", "'x'"]),
        ("conv5,1,0,0,1,0,1", "conv5,1,0,0,1,0", ["conv5", 5, 6]),
        ("conv5,1,0,0,1,0,1", "conv5,1,0,0,1,3,1", ["conv5"]),
        ("conv5,11", "conv4,11", ["spike 2", ["conv5"], "'conv4,11,"]),
        ("conv5,1,0,0,1,0,1\n", "", ["conv5", 4, 3]),
        ("0.65", "\udcff", ["utf-8"]),
    ],
)
def test_csv_without_spike_trains_is_refused(old, new, named, tmp_path):
    path = tmp_path / "a.csv"
    write_spikes(path, {"conv5": BY_HAND})
    path.write_bytes(path.read_text().replace(old, new).encode(errors="surrogateescape"))
    with refused(path, *named):
        read_spikes(path)


@pytest.mark.parametrize(
    ("arrays", "named"),
    [
        ({"weights": np.ones(3)}, [["weights"]]),
        (
            {"a/neuron": np.ones(1), "a/step": [0], "a/amplitude": [1.0], "a/layer": [1, 1, 3, 2]},
            ["a", "neuron", "step", "layer"],
        ),
        ({"a/neuron": np.array([{}]), "a/layer": [1, 1, 3, 2]}, [".npz"]),
    ],
    ids=["other arrays", "real numbers", "objects"],
)
def test_npz_without_spike_trains_is_refused(tmp_path, arrays, named):
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    with refused(path, *named):
        read_spikes(path)


def test_an_invalid_population_name_is_refused_and_the_old_file_is_kept(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("earlier")
    with refused("conv5, again"):
        write_spikes(path, {"conv5, again": BY_HAND})
    assert path.read_text() == "earlier"


def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path):
    with refused(tmp_path / "a.mat", ".csv", ".npz", ".nwb", "'mat'"):
        write_spikes(tmp_path / "a.mat", {"conv5": BY_HAND})


def test_a_missing_folder_is_named(tmp_path):
    with refused(tmp_path / "nowhere" / "a.csv"):
        write_spikes(tmp_path / "nowhere" / "a.csv", {"conv5": BY_HAND})


def test_a_missing_file_is_named(tmp_path):
    with refused(tmp_path / "b.csv"):
        read_spikes(tmp_path / "b.csv")
