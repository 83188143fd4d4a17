"""The command ``doctor``: what works on this machine, what does not, and how to fix it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

__all__ = ["doctor_command"]


@click.command("doctor")
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the findings as JSON.",
)
def doctor_command(json_file: Path | None) -> int:
    """Check this installation.

    Prints what works, what does not, and how to fix it. The exit code is 1 if tracking does not work.
    """
    from ..diagnostics.doctor import examine
    from ..files import write_whole

    findings = examine()
    for finding in findings:
        click.echo(f"{finding.state:<8} {finding.subject}: {finding.text}")
        if finding.fix:
            click.echo(f"{'':<8}   -> {finding.fix}")
    if json_file:
        write_whole(json_file, json.dumps([asdict(finding) for finding in findings], indent=2).encode())
    problems = sum(finding.state == "problem" for finding in findings)
    click.echo(f"\n{problems} problem(s): tracking does not work" if problems else "\ntracking works here")
    return int(problems > 0)


if __name__ == "__main__":
    # `python -m brian_siamsnn.cli.doctor` also runs if OpenCV, which main.py needs, cannot be imported
    raise SystemExit(doctor_command(standalone_mode=False))
