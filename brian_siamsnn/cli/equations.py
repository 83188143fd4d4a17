"""The command ``equations``: neuron models as text, with their parameters and choices."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..neurons.parameters import Choice, Parameter

__all__ = ["equations_command"]


@click.command("equations")
@click.argument("name", required=False, metavar="[NAME|FILE[:KEY=VALUE,...]]")
def equations_command(name: str | None) -> None:
    """Print a neuron model, or list the shipped ones.

    Prints the equations that Brian2 gets, the parameters and the choices. Values after a colon are filled in:

    \b
      brian-siamsnn equations two_status:reading=ceil,beta=0.7
    """
    from ..neurons.equation_files import EquationFile, shipped_models

    if name:
        click.echo(_model(name))
        return
    files = [EquationFile.read(model) for model in shipped_models()]
    width = max(len(file.path.stem) for file in files)
    for file in files:
        first = re.split(r"(?<=[.:;])\s", " ".join(file.texts["description"].split()))[0]
        equation = file.texts.get("equation", "")
        click.echo(f"{file.path.stem:<{width}}  {equation:<7}  {first.rstrip('.:;')}")


def _model(name: str) -> str:
    """Return the text of one model."""
    from ..neurons.equation_files import EquationFile
    from ..neurons.equations import load_equations, split_values

    equations = load_equations(name)
    path, given = split_values(name)
    file = EquationFile.read(path)
    title = f"{equations.name} ({equations.equation})" if equations.equation else equations.name
    lines = [title, "", equations.description.strip(), ""]
    parts = {
        "model": equations.model,
        "each step": equations.update,
        "threshold": equations.threshold,
        "reset": equations.reset,
        "synapse": equations.synapse,
        "on a spike": equations.on_pre,
        "amplitude": equations.amplitude,
    }
    for label, text in parts.items():
        for k, line in enumerate(text.strip().splitlines()):
            lines.append(f"  {'' if k else label:<12}{line}")
    for variable, value in file.initial.items():
        number = f"{equations.initial[variable]:g}"
        right = f"{value} = {number}" if isinstance(value, str) else number
        lines.append(f"  {'at first':<12}{variable} = {right}")
    for key, parameter in file.parameters.items():
        value = equations.parameters[key]
        bound = [f"at least {parameter.minimum:g}"] if parameter.minimum is not None else []
        bound += [f"above {parameter.above:g}"] if parameter.above is not None else []
        bound += ["a whole number"] if isinstance(parameter.default, int) else []
        changed = [f"default {parameter.default:g}"] if value != parameter.default else []
        lines += ["", f"{key} = {value:g}   unit {parameter.unit}" + "".join(f", {part}" for part in bound + changed)]
        lines += _about(parameter)
    for key, choice in file.choices.items():
        lines += ["", f"{key} = {given.get(key, choice.default)}   one of:"]
        width = max(map(len, choice.options))
        for option, text in choice.options.items():
            default = "  (default)" if option == choice.default else ""
            lines.append(f"    {option:<{width}}  {' '.join(text.split())}{default}")
        lines += _about(choice)
    return "\n".join(lines)


def _about(entry: Parameter | Choice) -> list[str]:
    text = "; ".join(filter(None, (entry.source, entry.description)))
    return [f"    {text}"] if text else []
