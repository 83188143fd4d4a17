"""Write the tables of docs/results.md from the JSON files in ``benchmarks/results``.

    python benchmarks/tables.py

Each table is enclosed by ``<!-- table NAME -->`` and ``<!-- end of table -->``, where NAME is a function in this file.
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "results.md"
TABLE = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)

NAMES = {
    "brian_siamsnn": "brian_siamsnn",
    "pytorch": "plain PyTorch, dense convolutions",
    "spikingjelly": "spikingjelly",
    "sinabs": "sinabs",
    "snntorch": "snnTorch",
    "explicit_synapses": "explicit Brian2 synapses",
}


def result(name):
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))


def markdown(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def frames():
    """Time of a frame by phase: waves of the three networks, and rate coding of two."""
    columns = {
        "compact": "bench_compact_wave",
        "standard": "bench_standard_wave",
        "SiamFC": "bench_full_wave",
        "compact, T = 20": "bench_compact_rate",
        "SiamFC, T = 20": "bench_full_rate",
    }
    measured = [result(name) for name in columns.values()]
    phases = {
        "first layer's current": ["current"],
        "windows: synapses and thresholds": ["window"],
        "synapses: kernels and pooling gates": ["input"],
        "thresholds, updates, resets": ["threshold", "update", "reset"],
        "counting and recording": ["record"],
    }
    sums = [
        [sum(row[phase] for row in one["profile_ms"] for phase in names) for one in measured]
        for names in phases.values()
    ]
    total = [1e3 * one["seconds_per_frame"] for one in measured]
    rows = [
        ["ms a frame, median", *(f"{ms:.1f}" if ms < 100 else f"{ms:.0f}" for ms in total)],
        ["frames timed", *(one["frames"] for one in measured)],
        ["synaptic operations a frame, million", *(f"{one['operations_per_frame'] / 1e6:,.0f}" for one in measured)],
        *([f"{name}, ms", *(f"{ms:.1f}" for ms in all_)] for name, all_ in zip(phases, sums, strict=True)),
        [
            "matching, crops, the tracker, and what the two measurements differ by, ms",
            *(f"{whole - sum(parts):.1f}" for whole, parts in zip(total, zip(*sums, strict=True), strict=True)),
        ],
    ]
    return markdown(["", *columns], rows)


def levels():
    """Time and operations of a frame as a wave of p levels."""
    rows = [
        [
            p,
            *(
                text
                for network in ("compact", "standard")
                for one in [result("levels")[network][str(p)]]
                for text in (f"{1e3 * one['seconds_per_frame']:.1f}", f"{one['operations_per_frame'] / 1e6:,.0f}")
            ),
        ]
        for p in (2, 3, 4, 8, 16)
    ]
    heads = [part for name in ("compact", "standard") for part in (f"{name}, ms a frame", "operations, million")]
    return markdown(["p", *heads], rows)


def peers():
    """Time and memory of every simulator for one crop."""
    measured = [result(name) for name in ("peers_rate", "peers_rate_two_threads", "peers_full_rate")]
    rows = []
    for name in NAMES:
        version = measured[0]["machine"]["versions"].get(name)
        row = [f"{NAMES[name]} {version}" if version and name != "brian_siamsnn" else NAMES[name]]
        for one in measured:
            if name in one["seconds_per_crop"]:
                seconds = one["seconds_per_crop"][name]
                ratio = seconds / one["seconds_per_crop"]["brian_siamsnn"]
                digits = 4 if seconds < 0.5 else 2
                row += [f"{seconds:.{digits}f} ({ratio:.1f})", f"{one['measured'][name]['peak_memory_mib']:,.0f}"]
            else:
                row += ["", ""]
        rows.append(row)
    heads = [f"{one['model'].removesuffix('.safetensors')}, threads: {one['threads']}" for one in measured]
    return markdown([""] + [part for head in heads for part in (head, "MiB")], rows)


def waves():
    """Time of a wave for one crop beside the CNN, its quantised form, and PyTorch that steps the same wave."""
    names = {
        "brian_siamsnn": "brian_siamsnn, every spike",
        "cnn": "the CNN itself, dense, in PyTorch",
        "quantised_cnn": "the CNN with counts as activations, in PyTorch",
        "pytorch": "plain PyTorch, stepping the wave",
    }
    measured = [result(name) for name in ("peers_wave", "peers_wave_two_threads")]
    rows = [
        [
            names[name],
            *(
                text
                for one in measured
                for text in (
                    f"{1e3 * one['seconds_per_crop'][name]:.1f}",
                    f"{1e3 * one['measured'][name]['fastest']:.1f}",
                    f"{one['seconds_per_crop'][name] / one['seconds_per_crop']['brian_siamsnn']:.2f}",
                )
            ),
        ]
        for name in names
    ]
    heads = [f"threads: {one['threads']}" for one in measured]
    return markdown([""] + [part for head in heads for part in (f"ms, {head}", "fastest", "times ours")], rows)


def scaling():
    """A random compact network with one property varied at a time."""
    measured, values = result("scaling"), {"neurons": "channels", "layers": "channels", "rate": "drive"}
    rows = [
        [
            change,
            row[values.get(change, change)],
            f"{row['neurons']:,}",
            f"{row['synapses'] / 1e6:.1f}",
            f"{row['rate']:.3f}",
            f"{row['events'] / 1e6:.1f}",
            f"{1e3 * row['seconds']:.1f}",
            f"{row['events_per_second'] / 1e9:.2f}",
        ]
        for change, changed in measured["rows"].items()
        for row in changed
    ]
    counts = ["neurons", "synapses, million", "spikes a neuron and step", "events, million"]
    return markdown(["changed", "to", *counts, "ms an image", "10⁹ events/s"], rows)


def overhead():
    """Fixed cost of an image on each device."""
    rows = [
        [
            name,
            *(f"{1e3 * value:.1f}" if value else "" for value in (one["one_image"], one.get("many"))),
            f"{one['one_image_build_seconds']:.1f}",
            f"{one['peak_memory_mib']:,.0f}",
        ]
        for name, one in result("overhead")["measured"].items()
        if "failed" not in one
    ]
    return markdown(["device", "fixed cost of an image, ms", "of eight in a run, ms each", "s to build", "MiB"], rows)


def written(page):
    """Return the page with all tables regenerated."""
    return TABLE.sub(lambda found: found[1] + globals()[found[2]]() + found[3], page)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
