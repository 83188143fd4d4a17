"""The command ``vot``: the tracker for the VOT toolkit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..environment import quiet
from ..errors import InputError
from ..files import write_whole
from .options import config_options

if TYPE_CHECKING:
    from ..tracking.config import TrackerConfig

__all__ = ["vot_command"]


@click.command("vot")
@config_options
@click.option(
    "--register",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Do not track, but add an entry to this trackers.ini of the toolkit.",
)
@click.option(
    "--identifier",
    default="brian_siamsnn",
    show_default=True,
    metavar="NAME",
    help="Name of the tracker in the toolkit; used with --register.",
)
def vot_command(register: Path | None, identifier: str, config: TrackerConfig) -> None:
    """Track for the VOT toolkit, over TraX.

    The toolkit starts this command. To set it up, run these commands in a
    workspace of the toolkit, the first one with the tracker's options:

    \b
      brian-siamsnn vot --register trackers.ini
      vot evaluate brian_siamsnn
      vot analysis brian_siamsnn
    """
    from ..evaluation.vot import registry_entry, serve

    if register is None:
        quiet()
        serve(config.build_tracker())
        return
    if not identifier.replace("-", "").replace("_", "").isalnum():
        raise InputError(f"--identifier: expected letters, digits, - and _, got {identifier!r}")
    earlier = register.read_text(encoding="utf-8") if register.is_file() else ""
    if f"[{identifier}]" in earlier.splitlines():
        raise InputError(f"{register}: already has an entry [{identifier}]; remove it, or choose another --identifier")
    entry = registry_entry(identifier, config.label, config.arguments())
    write_whole(register, (f"{earlier.rstrip()}\n\n" if earlier.strip() else "").encode() + entry.encode())
    click.echo(f"{register}: entry [{identifier}]; in the toolkit's workspace: vot evaluate {identifier}")
