"""Nothing in an untrusted neuron model runs, and any content is a model or an `InputError`."""

import contextlib
import string
import tomllib

import brian2
import pytest
from brian2 import ms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brian_siamsnn.errors import InputError
from brian_siamsnn.neurons.equations import load_equations
from tests.helpers.neuron_models import GOOD


@pytest.mark.parametrize(
    "code",
    [
        "__import__('os').system('touch {marker}')",
        "().__class__.__bases__[0].__subclasses__()",
        "exec('1')",
        "eval(1)",
        "open(1)",
        "(lambda: 1)()",
        "[v for v in (1, 2)]",
        "v.__class__",
        "v[0]",
        "f'{{v}}'",
        "exp(__import__('os').system('touch {marker}'))",
        "exp(v, out=1)",
        "(v := 1)",
        "__builtins__",
        "9**9**9**9",
        "v**(9**9999)",
        "_spikespace",
    ],
)
@pytest.mark.parametrize("key", ["model", "update", "threshold", "reset", "on_pre"])
def test_no_code_in_a_file_runs(own, tmp_path, key, code):
    """An untrusted file holds Brian2 expressions, or is refused before Brian2 sees it."""
    marker = tmp_path / "ran"
    code = code.replace("{marker}", str(marker)).replace("{{", "{").replace("}}", "}")
    old, new = {
        "model": ("timestep(t, dt) + 1", code),
        "update": ('"v += I"', f'"v = {code}"'),
        "threshold": ('"v >= v_th and {when}"', f'"v >= {code}"'),
        "reset": ('"v -= v_th"', f'"v = {code}"'),
        "on_pre": ("w * {amplitude}_pre", code),
    }[key]
    with pytest.raises(InputError):
        load_equations(own(old, new))
    assert not marker.exists()


def _leaves(table, before=()):
    for key, value in table.items():
        yield (*before, key)
        if isinstance(value, dict):
            yield from _leaves(value, (*before, key))


def _toml(table, before=""):
    """TOML text of nested tables; plain values come first."""
    import json

    def plain(value):
        if isinstance(value, float):
            return {"inf": "inf", "-inf": "-inf", "nan": "nan"}.get(repr(value), repr(value))
        return json.dumps(value)

    lines = [f"{json.dumps(key)} = {plain(value)}" for key, value in table.items() if not isinstance(value, dict)]
    for key, value in table.items():
        if isinstance(value, dict):
            name = f"{before}{json.dumps(key)}"
            lines += [f"[{name}]", _toml(value, f"{name}.")]
    return "\n".join(lines)


WORDS = st.sampled_from(
    (
        "v I w v_th step p {when} {amplitude} _pre _post + - * / // % ** ( ) , >= = += : 1 0 2.5 1e400 volt ms exp int "
        "clip rand() and not True integer (constant) (shared) dv/dt # count t dt lambda .real"
    ).split()
    + ["\n", " "]
)
VALUES = st.one_of(
    st.lists(WORDS, max_size=8).map(" ".join),
    st.text(string.printable, max_size=12),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.booleans(),
    st.lists(st.integers(0, 3), max_size=2),
    st.builds(dict),
    st.builds(dict, default=st.just(1)),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_content_is_a_model_or_an_input_error(tmp_path, data):
    """Keys removed or changed at any depth: Brian2 accepts the result, or InputError gives the reason."""
    table = tomllib.loads(GOOD)
    places = list(_leaves(table))
    for place in data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=3)):
        inner = table
        for key in place[:-1]:
            inner = inner.get(key) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            if data.draw(st.integers(0, 4)) == 0:
                inner.pop(place[-1], None)
            else:
                inner[place[-1]] = data.draw(VALUES)
    path = tmp_path / "own.toml"
    path.write_text(_toml(table), encoding="utf-8")
    with contextlib.suppress(InputError):
        equations = load_equations(path)
        equations.group(2, "fuzzed", brian2.Clock(dt=1 * ms))
