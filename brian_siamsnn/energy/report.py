"""Report the counted operations: counts by layer, energy by hardware, and the paper's Table III."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..crops import EXEMPLAR_SIZE, SEARCH_SIZE
from ..model.graph import longest_skip, turns
from .operations import convolution_macs
from .pricing import price
from .table3 import as_printed, cnn_row, corrected

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..model.conversion import SpikingModel
    from ..neurons.waves import Wave
    from .cost_models import CostModel
    from .operations import OperationCounts
    from .pricing import EnergyBreakdown

__all__ = ["HOST", "bills", "energy_report", "format_report", "format_table"]

#: Cost model of the host, for what neuromorphic hardware has no figure: the first layer and the tracker.
HOST = "cmos45-fp32"

#: Cost model of the arithmetic that a quantised CNN needs.
QUANTISED = "cmos45-int8"


def energy_report(
    frame: OperationCounts, model: SpikingModel, costs: dict[str, CostModel], scales: int, wave: Wave | None = None
) -> dict[str, Any]:
    """Compute the energy of a frame on all hardware.

    Parameters
    ----------
    frame : OperationCounts
        Operations of a frame, with all its search crops and the tracker; or their mean over frames or sequences.
    model : SpikingModel
        The spiking network.
    costs : dict of str to CostModel
        Cost models by name, which must include the shipped ones.
    scales : int
        Number of search crops per frame.
    wave : Wave, optional
        Timetable of the layers if the coding is a wave, whose crops can follow each other before the one before has
        left the network; None by default.

    Returns
    -------
    dict
        ``frame``: counts; ``layers``: counts by layer; ``cnn``: multiply-accumulates of the CNN; ``hardware``: energy,
        latency, energy of a tick at rest and chips by cost model; ``table3``: rows of Table III. Plain numbers in J, W,
        s.
    """
    layers, shapes = model.layers, model.shapes(SEARCH_SIZE)
    crop_macs = sum(convolution_macs(layers, SEARCH_SIZE).values())
    cnn = {
        "macs_a_crop": crop_macs,
        "macs_a_frame": scales * crop_macs,
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
            entry["cnn_energy"] = scales * crop_macs * cost.value("mac")
        if cost.runs != "arrays":
            entry |= _spiking(frame, cost, costs[HOST], layers, shapes, scales, wave)
        hardware[name] = entry
    rows = [*_table3(frame, cnn, costs, scales), *(_quantised(frame, cnn, costs, scales, wave) if wave else ())]
    table3 = [row.as_dict() | {"gpu_over_this": row.ratio(rows[0])} for row in rows]
    counts = [_layer_entry(layer) for layer in frame.layers]
    return {"frame": frame.counts, "layers": counts, "cnn": cnn, "hardware": hardware, "table3": table3}


def _layer_entry(layer):
    return {
        "name": layer.name,
        "neurons": layer.neurons,
        "synapses": layer.synapses,
        "first_layer_macs": layer.macs,
        "spikes": layer.spikes.sum().item(),
        "operations": layer.operations.sum().item(),
        "updates": layer.updates.sum().item(),
        "operations_by_step": layer.operations.tolist(),
    }


def bills(frame: OperationCounts, model: SpikingModel, costs: dict[str, CostModel]) -> dict[str, EnergyBreakdown]:
    """Compute the energy of a frame on all hardware that runs spiking networks.

    Parameters
    ----------
    frame : OperationCounts
        Operations of a frame.
    model : SpikingModel
        The spiking network.
    costs : dict of str to CostModel
        Cost models by name, which must include the shipped ones.

    Returns
    -------
    dict of str to EnergyBreakdown
        Energy by title of the hardware.
    """
    shapes = model.shapes(SEARCH_SIZE)
    spiking = [cost for cost in costs.values() if cost.runs != "arrays"]
    return {cost.title: _energy(frame, cost, costs[HOST], model.layers, shapes) for cost in spiking}


def _energy(frame, cost, host, layers, shapes):
    fit = cost.fit(layers, shapes)
    return price(frame, cost, host, fit.chips if fit else 1)


def _spiking(frame, cost, host, layers, shapes, scales, wave):
    fit, energy = cost.fit(layers, shapes), _energy(frame, cost, host, layers, shapes)
    entry = {"bill": asdict(energy), "energy": energy.total}
    if energy.seconds is not None:
        tick, chips = cost.value("tick"), fit.chips if fit else 1
        # on a chip that delivers spikes at the next tick, each layer after the first adds a tick
        pipeline = max(turns(layers)) * tick
        crop = energy.seconds / scales
        entry["latency"] = {
            "crop": crop,
            "crop_through_pipeline": crop + pipeline,
            "frame": energy.seconds,
            "frame_through_pipeline": energy.seconds + pipeline,
        }
        if wave is not None:
            # a layer is free again once it has fired and gathered anew; spikes that skip layers have to wait for that
            interval = (1 + longest_skip(layers)) * wave.p * wave.waves * tick
            entry["latency"] |= {
                "interval_pipelined": interval,
                "frame_pipelined": crop + pipeline + (scales - 1) * interval,
            }
        neurons = sum(layer.neurons for layer in frame.layers)
        entry["tick_at_rest"] = neurons * cost.value("neuron_update") + chips * cost.value("static_power") * tick
    if fit is not None:
        entry["chips_at_least"] = {
            "cores": fit.cores,
            "chips": fit.chips,
            "all_scales_at_once": scales * fit.chips,
            "reasons": list(fit.reasons),
        }
    return entry


def _table3(frame, cnn, costs, scales):
    """Return the rows of Table III: the paper's single pass, and a frame as it is tracked."""
    gpu, chip, host = costs["titan-x"], costs["truenorth"], costs[HOST]
    joules = chip.value("synaptic_operation")
    crop, seconds = frame.operations / scales, frame.steps / scales * chip.value("tick")
    total = price(frame, chip, host).total
    yield cnn_row("CNN, GPU", 1, cnn["macs_a_crop"], gpu)
    yield cnn_row("CNN, GPU", scales, cnn["macs_a_frame"], gpu)
    yield as_printed("SNN, TrueNorth, as the paper reckons", 1, crop, 1 / joules, seconds)
    yield corrected("SNN, TrueNorth, corrected", 1, crop, crop * joules, seconds)
    yield corrected("SNN, TrueNorth, corrected", scales, frame.operations, frame.operations * joules, scales * seconds)
    yield corrected("  with gates, matching, first layer, tracker", scales, frame.operations, total, scales * seconds)
    yield cnn_row(f"CNN, {host.title}", scales, cnn["macs_a_frame"], host)
    yield corrected(f"SNN, {host.title}", scales, frame.operations, price(frame, host, host).total, None)


def _quantised(frame, cnn, costs, scales, wave):
    """Rows for the quantised CNN that a wave computes, on the same arithmetic."""
    cost = costs[QUANTISED]
    yield cnn_row(f"CNN of {wave.p} levels, {cost.title}", scales, cnn["macs_a_frame"], cost)
    yield corrected(f"SNN, {cost.title}", scales, frame.operations, price(frame, cost, cost).total, None)


def format_table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Format a table as text.

    Parameters
    ----------
    head : sequence of str
        Column titles.
    rows : iterable of sequence
        Cells of each row.

    Returns
    -------
    str
        Lines of text; the first column is left-aligned, the others are right-aligned.
    """
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(head))]
    lines = []
    for row in cells:
        numbers = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join([row[0].ljust(widths[0]), *numbers]).rstrip())
    return "\n".join([lines[0], "-" * max(len(line) for line in lines), *lines[1:]])


def format_report(report: dict[str, Any]) -> str:
    """Format a report as text for the terminal.

    Parameters
    ----------
    report : dict
        Result of `energy_report`.

    Returns
    -------
    str
        Tables by layer and by hardware, Table III, and a note on each chip that is too small.
    """
    counts = report["frame"]
    summary = (
        f"A frame: {counts['synaptic_operations']:,.0f} synaptic operations and {counts['spikes']:,.0f} spikes "
        f"in {counts['steps']:.4g} steps over all scales."
    )
    spiking = [entry for entry in report["hardware"].values() if "bill" in entry]
    tables = [_layer_table(report), _hardware_table(spiking), _format_table3(report["table3"])]
    # one note for several assumptions about the same chip
    too_small: dict[str, list[str]] = {}
    for entry in spiking:
        if reasons := entry.get("chips_at_least", {}).get("reasons"):
            too_small.setdefault("; ".join(reasons), []).append(entry["title"])
    notes = [f"Does not fit on one chip of {'; '.join(titles)}: {reasons}." for reasons, titles in too_small.items()]
    notes += [_pipelined(entry) for entry in spiking[:1] if "interval_pipelined" in entry.get("latency", {})]
    at_rest = [f"{entry['title']} {_number(1e6 * rest)}" for entry in spiking if (rest := entry.get("tick_at_rest"))]
    notes += [f"A tick without a spike costs (µJ, neuron updates and static power): {'; '.join(at_rest)}."]
    notes += [
        "Memory accesses are not counted, in the CNN or in the spiking network; they can exceed all of the above."
    ]
    return "\n\n".join([summary, *tables, "\n".join(notes)]).rstrip()


def _layer_table(report):
    head = ("layer", "neurons", "synapses", "spikes", "synaptic operations", "multiply-accumulates", "updates")
    keys = ("neurons", "synapses", "spikes", "operations", "first_layer_macs", "updates")
    rows = [(layer["name"], *(f"{layer[key]:,.0f}" for key in keys)) for layer in report["layers"]]
    matching, tracker = (f"{report['frame'][key]:,.0f}" for key in ("matching_operations", "host_macs"))
    rows += [("matching", "", "", "", matching, "", ""), ("tracker", "", "", "", "", tracker, "")]
    return format_table(head, rows)


def _hardware_table(spiking):
    parts = ("synapses", "neurons", "static", "first layer", "tracker")
    head = ("energy of a frame (mJ)", "", *parts, "total", "time", "chips at least")
    rows = []
    for entry in spiking:
        total = _number(1e3 * entry["energy"])
        rows.append((entry["title"], entry["status"], *_parts(entry["bill"]), total, _time(entry), _chips(entry)))
    return format_table(head, rows)


def _format_table3(table3):
    head = ("Table III", "crops", "operations", "power (W)", "time (ms)", "energy (J)", "GPU / this")
    rows = []
    for row in table3:
        operations, energy, ratio = f"{row['operations']:.3g}", f"{row['energy']:.3g}", f"{row['gpu_over_this']:,.3g}"
        power, time = _number(row["power"]), _number(row["seconds"], 1e3)
        rows.append((row["method"], row["crops"], operations, power, time, energy, ratio))
    return format_table(head, rows)


def _parts(energy):
    parts = (
        energy["synapses"] + energy["pooling"] + energy["matching"],
        energy["neurons"] + energy["spikes"],
        energy["static"],
        energy["first_layer"],
        energy["host"],
    )
    return [_number(1e3 * part) if part else "" for part in parts]


def _number(value, factor=1.0):
    return "" if value is None else f"{factor * value:.3g}"


def _time(entry):
    if "latency" not in entry:
        return ""
    return "{:.0f} ({:.0f}) ms".format(*(1e3 * entry["latency"][k] for k in ("frame", "frame_through_pipeline")))


def _pipelined(entry):
    latency = {key: 1e3 * seconds for key, seconds in entry["latency"].items()}
    return (
        f"A wave's crops can follow each other every {latency['interval_pipelined']:.0f} ms on {entry['title']}: "
        f"{1e3 / latency['interval_pipelined']:.0f} crops a second, a frame in {latency['frame_pipelined']:.0f} ms."
    )


def _chips(entry):
    return str(entry["chips_at_least"]["chips"]) if "chips_at_least" in entry else ""
