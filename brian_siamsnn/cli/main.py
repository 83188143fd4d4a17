"""The command line: ``brian-siamsnn``."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from typing import TYPE_CHECKING

import click
import cv2

from .. import __version__
from ..environment import import_brian2
from ..errors import InputError, InputWarning, reason_of
from ..files import printable
from .bench import bench_command
from .devices import devices_command
from .doctor import doctor_command
from .energy import energy_command
from .equations import equations_command
from .evaluate import evaluate_command
from .inspect import inspect_command
from .spikes import spikes_command
from .track import demo_command, track_command
from .train import train_command
from .vot import vot_command
from .weights import weights

if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Track an object through a video with a spiking Siamese network, written as Brian2 equations."""


for command in (
    track_command,
    demo_command,
    weights,
    train_command,
    devices_command,
    doctor_command,
    evaluate_command,
    vot_command,
    bench_command,
    energy_command,
    equations_command,
    inspect_command,
    spikes_command,
):
    cli.add_command(command)


_show_other_warning = warnings.showwarning


def _show_warning(message, category, *where, **options):
    """Print our own warnings in one line, and leave those of other packages as they are."""
    if issubclass(category, InputWarning):
        click.echo(f"note: {message}", err=True)
    else:
        _show_other_warning(message, category, *where, **options)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; invalid user input ends with one line on stderr and exit code 2.

    Parameters
    ----------
    arguments : list of str, optional
        Arguments after the program's name; those of the process by default.
    """
    # OpenCV and FFmpeg also report a broken video on stderr, at length; OpenCV 5 moved the switch
    (cv2.setLogLevel if hasattr(cv2, "setLogLevel") else cv2.utils.logging.setLogLevel)(0)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    arguments = sys.argv[1:] if arguments is None else arguments
    # Brian2 writes sys.argv into a file in UTF-8 when it is imported, and names of files may be any bytes
    sys.argv = [printable(argument) for argument in sys.argv]
    # otherwise left to the commands, because the import takes a second
    if isinstance(signal.getsignal(signal.SIGINT), signal.Handlers):
        import_brian2()
    warnings.showwarning = _show_warning
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not if a program has replaced it
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(args=arguments, prog_name="brian-siamsnn", standalone_mode=False)
    except click.ClickException as error:
        # click 8.2 raises this; older versions exit with 0
        if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
            click.echo(error.format_message())
            sys.exit(0)
        context = getattr(error, "ctx", None)
        hint = f" (see '{context.command_path} --help')" if context else ""
        click.echo(f"error: {error.format_message()}{hint}", err=True)
        sys.exit(2)
    except InputError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except BrokenPipeError:  # the reader of our output has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # a problem with a disk or a file, which the user can fix
        click.echo(f"error: {error.filename or 'files'}: {error.strerror or reason_of(error)}", err=True)
        sys.exit(2)
    except MemoryError as error:
        click.echo(f"error: not enough memory ({error}); use fewer --steps or a smaller --model", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    sys.exit(code or 0)
