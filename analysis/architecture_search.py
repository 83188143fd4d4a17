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
CANDIDATES = [
    "16-32-48-32",
    "12-24-32-32",
    "24-48-64-32",
    "16-32-48-48-32",
    "16-32-64g2-64g2-32",
    "12-24-32-32-32",
    "16-32-48-48-48-32",
]


def run(candidate, data, teacher, pool, steps, folder):
    """Train one candidate; its row of the table."""
    import torch

    from brian_siamsnn.model.conversion import SpikingModel
    from brian_siamsnn.model.files import load_model, read_model
    from brian_siamsnn.training.loop import train
    from brian_siamsnn.training.recipe import Recipe
    from brian_siamsnn.training.run import outgoing_synapses

    torch.set_num_threads(1)  # the candidates share the processors
    file = folder / f"{candidate}.safetensors"
    if file.exists():
        model = read_model(file)
    else:
        recipe = Recipe(architecture=candidate, steps=steps, report_every=max(1, steps // 4))
        model = train(data, file, recipe, teacher=load_model(teacher), pool=pool)
    training = model.provenance["training"]
    last = training["history"][-1]
    shapes = SpikingModel.from_model(model).shapes(255)
    return {
        "candidate": candidate,
        "weights": sum(w.size for w, _ in model.weights.values()),
        "neurons": sum(int(np.prod(shape)) for shape in shapes.values()),
        "synapses": sum(outgoing_synapses(model.layers).values()),
        "operations": round(last["operations"]),
        "distance": last["distance"],
        "within_1": last["within_1"],
        "held_out_loss": last["held_out_loss"],
        "seconds": training["seconds"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--candidates", nargs="+", default=CANDIDATES)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--pool", type=Path, help="folder of the teacher's answers [default: OUTPUT/pool]")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/architectures"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    pool = arguments.pool or arguments.output / "pool"
    one = partial(
        run, data=arguments.data, teacher=arguments.teacher, pool=pool, steps=arguments.steps, folder=arguments.output
    )
    # the first candidate alone, because it fills the pool that the others use
    rows = [one(arguments.candidates[0])] if not (pool / "filled.json").exists() else []
    with ProcessPoolExecutor(arguments.workers) as workers:
        rows += workers.map(one, arguments.candidates[len(rows) :])

    with open(arguments.output / "table.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    lines = [
        "| network | weights | neurons | synapses | operations | distance (cells) | within 1 cell |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['candidate']} | {r['weights']:,} | {r['neurons']:,} | {r['synapses'] / 1e6:.1f} M | "
        f"{r['operations'] / 1e6:.1f} M | {r['distance']:.2f} | {r['within_1']:.3f} |"
        for r in rows
    ]
    text = "\n".join(lines) + "\n"
    (arguments.output / "table.md").write_text(text, encoding="utf-8")
    print(text)

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for r in rows:
        axes.plot(r["operations"] / 1e6, r["distance"], "o", color="C0")
        axes.annotate(r["candidate"], (r["operations"] / 1e6, r["distance"]), xytext=(4, 4), textcoords="offset points")
    axes.set(xlabel="synaptic operations a search crop, T = 20 (millions)", ylabel="peak to target, held out (cells)")
    axes.margins(0.3, 0.2)
    figure.savefig(arguments.output / "search.png", dpi=120)


if __name__ == "__main__":
    main()
