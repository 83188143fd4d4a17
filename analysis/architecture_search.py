"""Which network of the compact family is worth its synaptic operations?

    python analysis/architecture_search.py DATA --teacher siamfc.safetensors [--candidates A B ...]

Trains each candidate briefly, with the same pairs and the same teacher, and writes ``table.csv``, ``table.md`` and
``search.png``: how far the peak of the response is from the target on the held-out videos, against the synaptic
operations of a search crop at T = 20. A run that is there already is not made again, and a stopped one goes on.
"""

import argparse
import csv
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

#: Output channels of each layer, g for groups (brian_siamsnn.architecture.compact).
CANDIDATES = ["16-32-48-32", "12-24-32-32", "24-48-64-32", "16-32-48-48-32", "16-32-64g2-64g2-32", "12-24-32-32-32",
              "16-32-48-48-48-32", "12-24-32-32-32-32"]  # fmt: skip
    # the first candidate alone, because it fills the pool that the others use
    rows = [one(arguments.candidates[0])] if not (pool / "filled.json").exists() else []
    with ProcessPoolExecutor(arguments.workers) as workers:
        rows += workers.map(one, arguments.candidates[len(rows) :])

    with open(arguments.output / "table.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    lines = ["| network | weights | neurons | synapses | operations | distance (cells) | within 1 cell |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    lines += [f"| {r['candidate']} | {r['weights']:,} | {r['neurons']:,} | {r['synapses'] / 1e6:.1f} M | "
              f"{r['operations'] / 1e6:.1f} M | {r['distance']:.2f} | {r['within_1']:.3f} |" for r in rows]  # fmt: skip
    text = "\n".join(lines) + "\n"
    (arguments.output / "table.md").write_text(text, encoding="utf-8")
    print(text)

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for r in rows:
        axes.plot(r["operations"] / 1e6, r["distance"], "o", color="C0")
        axes.annotate(r["candidate"], (r["operations"] / 1e6, r["distance"]), xytext=(4, 4), textcoords="offset points")
    axes.set(xlabel="synaptic operations a search crop, T = 20 (millions)", ylabel="peak to target, held out (cells)")
    axes.margins(0.2)
    figure.savefig(arguments.output / "search.png", dpi=120)


if __name__ == "__main__":
    main()
