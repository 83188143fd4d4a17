"""Check the equations of a neuron model before Brian2 sees them, so that a file cannot run code.

Only Brian2 expressions are allowed: names, numbers, operators, and calls of Brian2's own functions. Attributes,
strings, indexing and other calls are rejected, so a file from an unknown source can at worst simulate nonsense. Names
must be known, quantities must be dimensionless, and every message names the key it is about.
"""

from __future__ import annotations

import ast
import re
import textwrap
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2 import Equations, second
from brian2.core.functions import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS
from brian2.core.namespace import DEFAULT_UNITS
from brian2.core.variables import Constant, Variable
from brian2.equations.equations import BOOLEAN, DIFFERENTIAL_EQUATION, INTEGER, SUBEXPRESSION
from brian2.parsing.expressions import is_boolean_expression, parse_expression_dimensions
from brian2.units.fundamentalunits import DIMENSIONLESS, have_same_dimensions

from ..errors import InputError, reason_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["INPUTS", "check_equations"]

#: Constants that the network sets, not the model file: the input current of a neuron, the value of a pixel.
INPUTS = ("I", "value")

_OPERANDS = (ast.Name, ast.Load, ast.Constant, ast.Call)
_OPERATIONS = (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
#: Nodes of Python's syntax tree that are allowed in an expression.
_NODES = (ast.Expression, *_OPERANDS, *_OPERATIONS)
_FLAGS = {"constant", "shared", "constant over dt", "unless refractory"}
#: White noise, as in xi or xi_membrane; Brian2 integrates it with differential equations only.
_NOISE = re.compile(r"xi(_\w+)?")
#: What a message says of quantities with units.
_UNITS = "potentials are in units of the threshold; a time is written as 20*ms, or tau*ms with a parameter tau"
#: Brian2 evaluates powers of constants while it parses; large ones could take forever.
_LARGEST_POWER = 1000


def check_equations(
    path: Path, texts: dict[str, str], parameters: Mapping[str, float], initial: dict[str, Any]
) -> None:
    """Check the equations of a neuron model whose choices are filled in.

    Parameters
    ----------
    path : Path
        File of the model, for messages.
    texts : dict of str to str
        Strings of the model, as `EquationFile.fill` returns them.
    parameters : dict of str to number
        Value of every parameter.
    initial : dict of str to number or str
        Initial values, as in `EquationFile`.

    Raises
    ------
    InputError
        If a string is not valid; the message names the file and the key.
    """
    model = _model(path, "model", texts["model"])
    fixed = {"t": second.dim, "dt": second.dim, "i": DIMENSIONLESS, "N": DIMENSIONLESS}
    if taken := sorted(parameters.keys() & {*fixed, "j", "w", *DEFAULT_FUNCTIONS, *DEFAULT_CONSTANTS, *DEFAULT_UNITS}):
        raise InputError(f"{path}: parameters: {taken[0]!r} already has a meaning in the equations; use another name")
    variables = {**_brian2_names(), **{name: Variable(name, dim) for name, dim in fixed.items()}}
    variables |= {name: Variable(name, DIMENSIONLESS) for name in parameters} | _variables(model)
    for equation in model.values():
        if equation.type in (SUBEXPRESSION, DIFFERENTIAL_EQUATION):
            expected, known = equation.dim, variables
            if equation.type == DIFFERENTIAL_EQUATION:
                expected, noise = DIMENSIONLESS / second.dim, filter(_NOISE.fullmatch, equation.identifiers)
                known = {**variables, **{name: Variable(name, second.dim**-0.5) for name in noise}}
            _dimensions(path, f"model: {equation.varname}", equation.expr.code, known, expected)
            if "unless refractory" in equation.flags and not texts.get("refractory", "").strip():
                raise InputError(
                    f"{path}: 'model': {equation.varname} is marked (unless refractory), but there is no key "
                    "'refractory'; add one, such as refractory = \"3*ms\""
                )
        elif "constant" in equation.flags and equation.varname not in {*parameters, *INPUTS}:
            raise InputError(
                f"{path}: 'model': {equation.varname} is a constant without a value; "
                f"add a table [parameters.{equation.varname}] with a default"
            )
    _dimensions(path, "threshold", texts["threshold"], variables)
    try:
        is_condition = is_boolean_expression(texts["threshold"].strip(), variables)
    except SyntaxError as error:
        raise InputError(f"{path}: 'threshold': {error.msg}") from None
    if not is_condition:
        raise InputError(f"{path}: 'threshold': expected a condition such as v >= v_th, got {texts['threshold']!r}")
    _check_refractory(path, texts.get("refractory", ""), variables)
    for key in ("update", "reset"):
        _statements(path, key, texts.get(key, ""), variables, model)
    amplitude = texts["amplitude"].strip()
    if amplitude not in model.names:
        raise InputError(
            f"{path}: 'amplitude': expected a variable of the model {sorted(model.names)}, got {texts['amplitude']!r}"
        )
    synapse = _model(path, "synapse", texts.get("synapse", ""))
    synaptic = {**variables, **_variables(synapse)}
    synaptic |= {name: Variable(name, DIMENSIONLESS) for name in ("w", "j", "amplitude_pre")}
    synaptic |= {f"{name}_post": variables[name] for name in model.names}
    _statements(path, "on_pre", texts.get("on_pre", "").replace("{amplitude}", "amplitude"), synaptic, model)
    for name in initial:
        if name not in model.names or model[name].type == SUBEXPRESSION or "constant" in model[name].flags:
            raise InputError(f"{path}: initial {name}: expected one of the state variables {_state_variables(model)}")


def _check_refractory(path, text, variables):
    """Check the refractory period: a time, or a condition."""
    if not text.strip():
        return
    variables = {**variables, "lastspike": Variable("lastspike", second.dim)}
    tree = _tree(path, "refractory", text, "eval")
    _check_language(path, "refractory", tree)
    known = set(_names(tree)) <= variables.keys() | {"True", "False"}
    condition = known and is_boolean_expression(text.strip(), variables)
    _dimensions(path, "refractory", text, variables, DIMENSIONLESS if condition else second.dim)


def _state_variables(model):
    return [e.varname for e in model.values() if e.type != SUBEXPRESSION and "constant" not in e.flags]


@cache
def _brian2_names():
    units = {name: Constant(name, value=float(unit), dimensions=unit.dim) for name, unit in DEFAULT_UNITS.items()}
    return {**units, **DEFAULT_CONSTANTS, **DEFAULT_FUNCTIONS}


def _variables(equations):
    types = {BOOLEAN: np.dtype(bool), INTEGER: np.dtype(np.int32)}
    return {
        e.varname: Variable(e.varname, e.dim, dtype=types.get(e.var_type, np.dtype(float))) for e in equations.values()
    }


def _model(path, key, text):
    """Parse dimensionless Brian2 equations.

    Expressions are checked before Brian2 parses them, because its parser evaluates constants.
    """
    for line in filter(None, (line.partition("#")[0].strip() for line in text.splitlines())):
        left, _, right = line.partition(":")
        unit = right.partition("(")[0].strip()
        if unit not in ("1", "integer", "boolean"):
            raise InputError(
                f"{path}: {key!r}: expected one variable per line, of unit 1, integer or boolean, such as 'v : 1', "
                f"got {line!r}; {_UNITS}"
            )
        _, equals, expression = left.partition("=")
        if equals:
            _check_language(path, key, _tree(path, key, expression, "eval"))
    try:
        equations = Equations(textwrap.dedent(text))
    except Exception as error:  # Brian2's parser raises many types
        raise InputError(
            f"{path}: {key!r}: not Brian2 equations: {reason_of(error)}; "
            "expected lines such as 'v : 1' or 'x = 2*v : 1'"
        ) from None
    for equation in equations.values():
        if unknown := sorted(set(equation.flags) - _FLAGS):
            raise InputError(
                f"{path}: {key!r}: {equation.varname}: expected flags out of {sorted(_FLAGS)}, got {unknown}"
            )
    return equations


def _tree(path, key, text, mode):
    try:
        return ast.parse(textwrap.dedent(text).strip(), mode=mode)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        got = text.strip()
        got = got if len(got) < 100 else f"{got[:100]} ..."
        raise InputError(f"{path}: {key!r}: not a Brian2 expression: {reason_of(error)}; got {got!r}") from None


def _check_language(path, key, tree):
    """Reject everything that is not a Brian2 expression."""
    for node in ast.walk(tree):
        if not _is_allowed(node):
            raise InputError(
                f"{path}: {key!r}: expected names, numbers, operators and Brian2 functions, got {ast.unparse(node)!r}"
            )
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in DEFAULT_FUNCTIONS):
            raise InputError(
                f"{path}: {key!r}: {ast.unparse(node.func)!r} is not a Brian2 function; "
                f"known functions are {sorted(DEFAULT_FUNCTIONS)}"
            )
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and not _names(node):
            if not (_is_small(node.left) and _is_small(node.right)):
                raise InputError(f"{path}: {key!r}: expected a power of smaller constants, got {ast.unparse(node)!r}")


def _is_allowed(node):
    if isinstance(node, ast.Constant):
        return isinstance(node.value, bool | int | float)
    return isinstance(node, _NODES) and not (isinstance(node, ast.Call) and node.keywords)


def _is_small(node):
    number = isinstance(node, ast.Constant) and isinstance(node.value, int | float | complex)
    return number and abs(node.value) <= _LARGEST_POWER


def _names(tree):
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]


def _dimensions(path, key, text, variables, expected=DIMENSIONLESS):
    """Check the names and the physical dimension of one expression."""
    tree = _tree(path, key, text, "eval")
    _check_language(path, key, tree)
    unknown = [name for name in _names(tree) if name not in variables and name not in ("True", "False")]
    if unknown and _NOISE.fullmatch(unknown[0]):
        raise InputError(
            f"{path}: {key!r}: {unknown[0]} is white noise, which differential equations alone can have, such as "
            "dv/dt = -v/(20*ms) + 0.1*xi/(20*ms)**0.5 : 1; in an update, use randn()"
        )
    if unknown:
        raise InputError(
            f"{path}: {key!r}: {unknown[0]!r} is neither a variable of the model nor one of its parameters; "
            f"add a line '{unknown[0]} : 1' to 'model', or a table [parameters.{unknown[0]}]"
        )
    try:
        found = parse_expression_dimensions(text.strip(), variables)
    except Exception as error:
        raise InputError(f"{path}: {key!r}: {reason_of(error)}") from None
    if not have_same_dimensions(found, expected):
        raise InputError(
            f"{path}: {key!r}: expected a quantity of dimension {expected}, got {text.strip()!r} of dimension {found}; "
            f"{_UNITS}"
        )


def _statements(path, key, text, variables, model):
    """Check assignments, one per line; each sets a state variable, or defines a name for the lines after it."""
    variables = dict(variables)
    for node in _tree(path, key, text, "exec").body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if not isinstance(node, ast.Assign | ast.AugAssign) or [type(target) for target in targets] != [ast.Name]:
            raise InputError(f"{path}: {key!r}: expected statements such as v += I, got {ast.unparse(node)!r}")
        name = targets[0].id  # type: ignore[union-attr]  # checked in the line above
        variable = name.removesuffix("_post") if key == "on_pre" else name
        fixed = variable in model.names and variable not in _state_variables(model)
        if fixed or name in {*_brian2_names(), "t", "dt", "i", "j", "N"}:
            raise InputError(
                f"{path}: {key!r}: {name} cannot be set; the state variables are {_state_variables(model)}"
            )
        if isinstance(node, ast.AugAssign) and name not in variables:
            raise InputError(f"{path}: {key!r}: {name!r} is neither a variable of the model nor one of its parameters")
        _dimensions(path, key, ast.unparse(node.value), variables)
        variables.setdefault(name, Variable(name, DIMENSIONLESS))
