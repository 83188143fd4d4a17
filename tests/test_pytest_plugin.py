"""The pytest fixture for neuron models, used as a user would use it."""

pytest_plugins = "pytester"

LEAKY = '''
name = "leaky"
description = "loses a part of its potential in each step"
model = """
v : 1
I : 1 (constant)
v_th : 1 (shared, constant)
"""
update = "v = leak * v + I"
threshold = "v >= v_th"
reset = "v -= v_th"
on_pre = "v_post += w * {amplitude}_pre"
amplitude = "v_th"
[parameters.v_th]
default = 1.0
[parameters.leak]
default = 0.5
'''


def test_the_fixture_works_in_a_users_test(pytester):
    pytester.makefile(".toml", leaky=LEAKY)
    pytester.makepyfile(
        """
        def test_mine(neuron):
            run = neuron("leaky.toml", input=[0.75] * 4, v_th=1.0)  # .75 1.125->.125 .8125 1.15625->.15625
            assert run.spike_steps == [1, 3]
            assert run.v.tolist() == [0.75, 0.125, 0.8125, 0.15625]
            assert run.amplitudes == [1.0, 1.0] and run.threshold.tolist() == [1.0] * 4
            assert run.at_threshold["v"].tolist() == [0.75, 1.125, 0.8125, 1.15625]

        def test_that_fails(neuron):
            assert neuron("leaky.toml", input=[0.75] * 4, leak=1.0).spike_steps == [1, 3]

        def test_arriving_spikes(neuron):
            assert neuron("leaky.toml", arriving=[[1, 0], [1, 2]], weights=[0.5, 1]).v.tolist() == [0.5, 1.75]

        def test_a_gate(neuron):
            assert neuron("max_pool", arriving=[[1, 0], [0, 1], [0, 1]]).spike_steps == [0, 2]
        """
    )
    result = pytester.runpytest("-p", "brian_siamsnn.pytest_plugin", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=3, failed=1)
    # the second test fails with 1, 2, 3, as .75 1.5->.5 1.25->.25 1->0
    result.stdout.fnmatch_lines(["*1, 2, 3*"])


def test_the_plugin_imports_no_heavy_packages(pytester):
    """The installed plugin imports nothing heavy into tests that do not use it."""
    pytester.makepyfile("import sys\ndef test_it():\n    assert not {'brian2', 'numpy', 'torch'} & set(sys.modules)")
    result = pytester.runpytest_subprocess("-p", "brian_siamsnn.pytest_plugin", "-p", "no:hypothesispytest")
    result.assert_outcomes(passed=1)


def test_wrong_use_is_reported(pytester):
    pytester.makepyfile(
        """
        import pytest
        from tests.helpers.messages import refused

        @pytest.mark.parametrize(("options", "named"), [
            ({}, ["input", "arriving"]),
            ({"input": []}, ["input", "arriving", (0,)]),
            ({"input": [1, 2], "arriving": [[1]]}, ["input", "arriving", (2,), (1, 1)]),
            ({"arriving": [[1]], "weights": [1, 2]}, [1, (2,)]),
            ({"input": [1], "v_thr": 2}, ["rate", "'v_thr'"]),
        ])
        def test_message(neuron, options, named):
            with refused(*named):
                neuron("rate", **options)

        def test_variables(neuron):
            with refused("'v_th'", "'rise'"):
                neuron("max_pool", arriving=[[1]]).threshold
            with refused("max_pool", "input"):
                neuron("max_pool", input=[1])
        """
    )
    pytester.runpytest("-p", "brian_siamsnn.pytest_plugin").assert_outcomes(passed=6)
