"""The command ``devices``: what each of Brian2's devices can do for a model."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .options import coding_option, model_option

__all__ = ["devices_command"]


@click.command("devices")
@model_option
@coding_option
@click.option("--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Also write the table as JSON.")
def devices_command(model: str, coding: str | None, path: Path | None) -> None:
    """Report what each of Brian2's devices can do for a model.

    The table has the memory, disk and compile time that each one needs. Nothing is built.
    """
    from ..crops import SEARCH_SIZE
    from ..files import write_whole
    from ..network.devices import survey_devices
    from ..neurons.waves import default_coding

    coding = coding or default_coding(None)
    reports = survey_devices(model, SEARCH_SIZE, coding=coding)
    click.echo(f"{model}, search crops of {SEARCH_SIZE} pixels, {coding} coding\n")
    click.echo(f"{'device':<16}{'connectivity':<14}{'works here':<12}{'memory':>10}{'disk':>10}  compilation")
    for report in reports:
        memory, disk = (f"{size / 2**30:.1f} GiB" if size else "-" for size in (report.memory, report.disk))
        click.echo(
            f"{report.device:<16}{report.connectivity:<14}{'yes' if report.usable else 'no':<12}"
            f"{memory:>10}{disk:>10}  {report.compilation}"
        )
        for line in filter(None, (report.absent, *report.cannot, report.note)):
            click.echo(f"    {line}")
    if path:
        table = {
            "model": model,
            "coding": coding,
            "image_size": SEARCH_SIZE,
            "devices": [report.as_dict() for report in reports],
        }
        write_whole(path, json.dumps(table, indent=2).encode())
        click.echo(f"\n{path}")
