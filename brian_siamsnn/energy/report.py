"""From counted work to what is printed and written: counts by layer, energy by hardware, Table III."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..crops import EXEMPLAR_SIZE, SEARCH_SIZE
from .operations import convolution_macs, price
from .table3 import as_printed, cnn_row, corrected

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..model.conversion import SpikingModel
    from .cost_models import CostModel
    from .operations import EnergyBreakdown, OperationCounts

__all__ = ["HOST", "bills", "energy_report", "format_report", "format_table"]

#: Cost model of what neuromorphic hardware has no figure for: the first layer and the tracker.
HOST = "cmos45-fp32"


def energy_report(
    frame: OperationCounts, model: SpikingModel, costs: dict[str, CostModel], scales: int
) -> dict[str, Any]:
    """Everything about the energy of a frame.

    Parameters
    ----------
    frame : OperationCounts
        Of all its search crops and the tracker around them; a mean over frames or sequences.
    model : SpikingModel
    costs : dict of str to CostModel
    scales : int
        Search crops of a frame.

    Returns
    -------
    dict
        ``frame``: counts; ``layers``: counts of each; ``cnn``: its multiply-accumulates; ``hardware``: bill, latency
        and chips by cost model; ``table3``: rows. Plain numbers in J, W, s.
    """
    layers, shapes = model.layers, model.shapes(SEARCH_SIZE)
    once = sum(convolution_macs(layers, SEARCH_SIZE).values())
    cnn = {
        "macs_a_crop": once,
        "macs_a_frame": scales * once,
        "exemplar_macs": sum(convolution_macs(layers, EXEMPLAR_SIZE).values()),
    }
    hardware = {}
    for name, cost in costs.items():
        entry: dict[str, Any] = {
            "title": cost.title,
            "status": cost.status,
            "note": cost.note,
            "constants": {key: asdict(constant) for key, constant in cost.constants.items()},
        }
        if "mac" in cost.constants:
            entry["cnn_energy"] = scales * once * cost.value("mac")
        if cost.runs != "arrays":
            entry |= _spiking(frame, cost, costs[HOST], layers, shapes, scales)
        hardware[name] = entry
    counted = [
        {
            "name": layer.name,
            "neurons": layer.neurons,
            "synapses": layer.synapses,
            "first_layer_macs": layer.macs,
            "spikes": layer.spikes.sum().item(),
            "operations": layer.operations.sum().item(),
            "updates": layer.updates.sum().item(),
            "operations_by_step": layer.operations.tolist(),
        }
        for layer in frame.layers
    ]
    rows = list(_table3(frame, cnn, costs, scales))
    table3 = [row.as_dict() | {"gpu_over_this": row.ratio(rows[0])} for row in rows]
    return {"frame": frame.counts, "layers": counted, "cnn": cnn, "hardware": hardware, "table3": table3}


def bills(frame: OperationCounts, model: SpikingModel, costs: dict[str, CostModel]) -> dict[str, EnergyBreakdown]:
    """Bills of a frame on all hardware that runs spikes, by its title.

    Parameters
    ----------
    frame : OperationCounts
    model : SpikingModel
    costs : dict of str to CostModel

    Returns
    -------
    dict of str to EnergyBreakdown
    """
    return {
        cost.title: _bill(frame, cost, costs[HOST], model.layers, model.shapes(SEARCH_SIZE))
        for cost in costs.values()
        if cost.runs != "arrays"
    }


def _bill(frame, cost, host, layers, shapes):
    fit = cost.fit(layers, shapes)
    return price(frame, cost, host, fit.chips if fit else 1)


def _spiking(frame, cost, host, layers, shapes, scales):
    fit, bill = cost.fit(layers, shapes), _bill(frame, cost, host, layers, shapes)
    entry = {"bill": asdict(bill), "energy": bill.total}
    if bill.seconds is not None:
        # a chip that hands spikes on at the next tick needs a tick more for each layer after the first
        filling = (len(layers) - 1) * cost.value("tick")
        entry["latency"] = {
            "crop": bill.seconds / scales,
            "crop_through_pipeline": bill.seconds / scales + filling,
            "frame": bill.seconds,
            "frame_through_pipeline": bill.seconds + filling,
        }
    if fit is not None:
        entry["chips_at_least"] = {
            "cores": fit.cores,
            "chips": fit.chips,
            "all_scales_at_once": scales * fit.chips,
            "reasons": list(fit.reasons),
        }
    return entry


def _table3(frame, cnn, costs, scales):
    """Rows of Table III: the paper's one pass, and the frame as it is tracked."""
    gpu, chip, host = costs["titan-x"], costs["truenorth"], costs[HOST]
    joule = chip.value("synaptic_operation")
    crop, seconds = frame.operations / scales, frame.steps / scales * chip.value("tick")
    bill = price(frame, chip, host)
    yield cnn_row("CNN, GPU", 1, cnn["macs_a_crop"], gpu)
    yield cnn_row("CNN, GPU", scales, cnn["macs_a_frame"], gpu)
    yield as_printed("SNN, TrueNorth, as the paper reckons", 1, crop, 1 / joule, seconds)
    yield corrected("SNN, TrueNorth, corrected", 1, crop, crop * joule, seconds)
    yield corrected("SNN, TrueNorth, corrected", scales, frame.operations, frame.operations * joule, scales * seconds)
    yield corrected(
        "  with gates, matching, first layer, tracker", scales, frame.operations, bill.total, scales * seconds
    )
    yield cnn_row(f"CNN, {host.title}", scales, cnn["macs_a_frame"], host)
    yield corrected(f"SNN, {host.title}", scales, frame.operations, price(frame, host, host).total, None)


def format_table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Text in columns; the first is left-aligned, the others right-aligned."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    return "\n".join([lines[0], "-" * max(len(line) for line in lines), *lines[1:]])


def format_report(report: dict[str, Any]) -> str:
    """The report as text for a terminal."""
    counts = report["frame"]
    layers = format_table(
        ("layer", "neurons", "synapses", "spikes", "synaptic operations", "multiply-accumulates", "updates"),
        [
            (
                one["name"],
                *(
                    f"{one[key]:,.0f}"
                    for key in ("neurons", "synapses", "spikes", "operations", "first_layer_macs", "updates")
                ),
            )
            for one in report["layers"]
        ]
        + [
            ("matching", "", "", "", f"{counts['matching_operations']:,.0f}", "", ""),
            ("tracker", "", "", "", "", f"{counts['host_macs']:,.0f}", ""),
        ],
    )
    spiking = [one for one in report["hardware"].values() if "bill" in one]
    hardware = format_table(
        (
            "energy of a frame (mJ)",
            "",
            "synapses",
            "neurons",
            "static",
            "first layer",
            "tracker",
            "total",
            "time",
            "chips at least",
        ),
        [
            (one["title"], one["status"], *_spent(one["bill"]), _number(1e3 * one["energy"]), _time(one), _chips(one))
            for one in spiking
        ],
    )
    table3 = format_table(
        ("Table III", "crops", "operations", "power (W)", "time (ms)", "energy (J)", "GPU / this"),
        [
            (
                row["method"],
                row["crops"],
                f"{row['operations']:.3g}",
                _number(row["power"]),
                _number(row["seconds"], 1e3),
                f"{row['energy']:.3g}",
                f"{row['gpu_over_this']:,.3g}",
            )
            for row in report["table3"]
        ],
    )
    # the same chip under several assumptions lacks the same room
    lacking: dict[str, list[str]] = {}
    for one in spiking:
        if reasons := one.get("chips_at_least", {}).get("reasons"):
            lacking.setdefault("; ".join(reasons), []).append(one["title"])
    notes = [f"Does not fit as it is on {'; '.join(titles)}: {reasons}." for reasons, titles in lacking.items()]
    first = (
        f"A frame: {counts['synaptic_operations']:,.0f} synaptic operations and {counts['spikes']:,.0f} spikes "
        f"in {counts['steps']:.4g} steps over all scales."
    )
    return "\n\n".join([first, layers, hardware, table3, "\n".join(notes)]).rstrip()


def _spent(bill):
    spent = (
        bill["synapses"] + bill["pooling"] + bill["matching"],
        bill["neurons"] + bill["spikes"],
        bill["static"],
        bill["first_layer"],
        bill["host"],
    )
    return [_number(1e3 * part) if part else "" for part in spent]


def _number(value, factor=1.0):
    return "" if value is None else f"{factor * value:.3g}"


def _time(entry):
    if "latency" not in entry:
        return ""
    return "{:.0f} ({:.0f}) ms".format(*(1e3 * entry["latency"][k] for k in ("frame", "frame_through_pipeline")))


def _chips(entry):
    return str(entry["chips_at_least"]["chips"]) if "chips_at_least" in entry else ""
