"""``brian-siamsnn vot``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..environment import quiet
from ..errors import InputError
from ..files import write_whole
from .options import matcher_options

if TYPE_CHECKING:
    from typing import Any

__all__ = ["vot_command"]


@click.command("vot")
@matcher_options
@click.option(
    "--register",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Add an entry to the toolkit's trackers.ini and do nothing else.",
)
@click.option(
    "--identifier",
    default="brian_siamsnn",
    show_default=True,
    metavar="NAME",
    help="Name of the tracker in the toolkit, with --register.",
)
def vot_command(register: Path | None, identifier: str, **settings: Any) -> None:
    """Track for the VOT toolkit, over TraX.

    The toolkit starts this command. In a workspace of the toolkit: 'brian-siamsnn vot --register trackers.ini',
    with the options that the tracker shall have, then 'vot evaluate
    brian_siamsnn' and 'vot analysis brian_siamsnn'.
    """
    from ..evaluation.vot import registry_entry, serve
    from ..tracking.config import TrackerConfig

    scales, tracker = int(settings.pop("scales")), settings.pop("kind")
    configuration = TrackerConfig(tracker=tracker, scales=scales, **settings)
    if register is None:
        quiet()
        serve(configuration.matcher(), scales)
        return
    if not identifier.replace("-", "").replace("_", "").isalnum():
        raise InputError(f"--identifier: expected letters, digits, - and _, got {identifier!r}")
    earlier = register.read_text(encoding="utf-8") if register.is_file() else ""
    if f"[{identifier}]" in earlier.splitlines():
        raise InputError(f"{register}: has an entry [{identifier}] already; remove it, or give another --identifier")
    entry = registry_entry(identifier, configuration.label, configuration.arguments())
    write_whole(register, (f"{earlier.rstrip()}\n\n" if earlier.strip() else "").encode() + entry.encode())
    click.echo(f"{register}: entry [{identifier}]; in the toolkit's workspace: vot evaluate {identifier}")
