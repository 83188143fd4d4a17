"""The command ``evaluate``: one tracker on all sequences of a benchmark."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import InputError
from ..files import printable
from ..sequences.datasets import DATASETS, SUBSETS, open_dataset
from ..sequences.otb import canonical
from .options import config_options

if TYPE_CHECKING:
    from typing import Any

    from ..sequences.datasets import Dataset
    from ..tracking.config import TrackerConfig

__all__ = ["evaluate_command"]

#: Exit code if some sequences could not be evaluated.
_SOME_FAILED = 1


@click.command("evaluate")
@click.argument("root", required=False, type=click.Path(path_type=Path))
@click.option("--dataset", type=click.Choice(DATASETS), help="Layout of ROOT [default: from its annotation files].")
@click.option("--sequences", default="", metavar="A,B", help="Only these sequences.")
@click.option("--subset", type=click.Choice(list(SUBSETS)), help="Only the sequences of this benchmark.")
@config_options
@click.option("--frames", type=click.IntRange(1), help="Only the first frames of each sequence.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Number of processes on this machine (more than one needs the extra 'evaluate').",
)
@click.option("--scheduler", metavar="ADDRESS", help="Use the workers of this Dask scheduler instead of --workers.")
@click.option(
    "--boxes",
    multiple=True,
    metavar="[NAME=]FILE|DIR",
    help="Score existing boxes instead of tracking; repeat it to compare trackers.",
)
@click.option(
    "--compare",
    nargs=2,
    metavar="A B",
    help="Score the boxes or evaluation folders A and B, and print the difference of their mean AUC with its interval.",
)
@click.option(
    "--annotations",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Ground truth for --boxes instead of ROOT (JSON).",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for boxes, report.json, tables and plots [default: one for each configuration in "
    "brian-siamsnn-output/evaluate/NAME].",
)
def evaluate_command(
    root: Path | None,
    dataset: str | None,
    sequences: str,
    subset: str | None,
    frames: int | None,
    workers: int,
    scheduler: str | None,
    boxes: tuple[str, ...],
    compare: tuple[str, str] | None,
    annotations: Path | None,
    output: Path | None,
    config: TrackerConfig,
) -> int:
    """Evaluate on all sequences of a folder (one-pass evaluation).

    ROOT has one folder per sequence, in the layout of OTB, GOT-10k or VOT.
    Without ROOT, three rendered sequences are used. Repeat the command to
    continue a run that was stopped. With --boxes or --compare, the command
    scores existing results. Differences to the first tracker carry a 95 %
    interval: a paired bootstrap over the sequences.

    The exit code is 1 if some sequences failed, and 2 if nothing could be
    evaluated.
    """
    from ..evaluation.report import write_report

    names = [canonical(printable(name.strip())) for name in sequences.split(",") if name.strip()]
    if compare and boxes:
        raise InputError("--compare: expected without --boxes; repeat --boxes to compare more than two trackers")
    boxes = compare or boxes
    if annotations is not None and (root is not None or not boxes):
        got = "ROOT as well" if root is not None else "neither of them"
        raise InputError(f"--annotations: expected with --boxes or --compare and without ROOT, got {got}")
    if boxes:
        reports, default = _score(root, dataset, names, subset, boxes, annotations, frames)
    else:
        reports, default = _run(root, dataset, names, subset, frames, workers, scheduler, output, config)
    folder = output or default
    folder.mkdir(parents=True, exist_ok=True)
    write_report(reports, folder)
    click.echo(_summary(reports, folder))
    failed = reports[0]["failed"]
    for name, reason in failed.items():
        click.echo(f"left out: {name}: {reason}", err=True)
    return _SOME_FAILED if failed else 0


def _run(
    root: Path | None,
    kind: str | None,
    names: list[str],
    subset: str | None,
    frames: int | None,
    workers: int,
    scheduler: str | None,
    output: Path | None,
    config: TrackerConfig,
) -> tuple[list[dict[str, Any]], Path]:
    from ..evaluation.run import evaluate
    from ..evaluation.store import evaluation_identity
    from ..tracking.config import identity_hash

    dataset = open_dataset(root, kind, names, subset)
    _tell_missing(dataset)
    digest = identity_hash(evaluation_identity(config, frames))
    folder = output or _default(dataset.name) / f"{_slug(config.label)}-{digest[:8]}"
    click.echo(f"{config.label}: {len(dataset.items)} sequences, results in {folder}", err=True)
    return [evaluate(config, dataset, folder, frames, workers, scheduler)], folder


def _score(
    root: Path | None,
    kind: str | None,
    names: list[str],
    subset: str | None,
    boxes: tuple[str, ...],
    annotations: Path | None,
    frames: int | None,
) -> tuple[list[dict[str, Any]], Path]:
    from ..evaluation.comparison import annotated_truth, compare, dataset_truth, named_results

    dataset = None
    if annotations is None:
        dataset = open_dataset(root, kind, names, subset)
        _tell_missing(dataset)
        truth, name = dataset_truth(dataset), dataset.name
    else:
        truth, name = annotated_truth(annotations, names, SUBSETS[subset] if subset else ()), annotations.stem
    trackers = named_results(boxes)
    return compare(trackers, truth, frames, dataset), _default(name) / _slug("-".join(trackers))


def _default(name: str) -> Path:
    return Path("brian-siamsnn-output") / "evaluate" / name


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.=]+", "-", text).strip("-")[:100]


def _tell_missing(dataset: Dataset) -> None:
    if dataset.missing:
        click.echo(f"note: {len(dataset.missing)} sequences are missing: {', '.join(dataset.missing)}", err=True)
    if dataset.ignored:
        click.echo(f"note: folders without annotations are ignored: {', '.join(dataset.ignored)}", err=True)


def _summary(reports: list[dict[str, Any]], folder: Path) -> str:
    from ..evaluation.tables import attribute_table, difference_table

    lines = [attribute_table(reports), *filter(None, [difference_table(reports)])]
    for report in reports:
        total = report["total"]
        parts = [f"{len(report['sequences'])} sequences, {total['frames']:,} frames"]
        if total["seconds"]:
            parts.append(f"{total['seconds']:.0f} s in the tracker")
        if total["spikes"]:
            parts.append(f"{total['spikes']:,} spikes, {total['synaptic_operations']:,} synaptic operations")
        lines.append(f"{report['label']}: {'; '.join(parts)}")
    return "\n".join([*lines, f"report.json, tables and plots are in {folder}"])
