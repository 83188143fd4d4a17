"""Which network of the compact family is worth its synaptic operations?

    python analysis/architecture_search.py DATA --teacher siamfc.safetensors [--candidates A B ...]

Trains each candidate briefly, with the same pairs and the same teacher, and compares the distance between response peak
and target on the held-out scenes, and the logistic loss there, with the synaptic operations per search crop as a wave,
p = 4. Writes ``table.csv``, ``table.md`` and ``search.png``. Finished candidates are skipped, and interrupted runs
continue.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

import brian_siamsnn as bs
from brian_siamsnn.crops import SEARCH_SIZE
from brian_siamsnn.evaluation.report import write_csv
from brian_siamsnn.evaluation.tables import markdown
from brian_siamsnn.files import write_whole

#: Output channels of each layer, with k for kernels and g for groups (see brian_siamsnn.model.layers.compact): the
#: shipped compact network; other kernels, depths and widths; the shipped standard network, and one of fewer layers.
CANDIDATES = [
    "16-32-48-48-32",
    "16k7-32-48-48-32",
    "16k15-32-48-48-32",
    "16-32k3-48-48-32",
    "16-32k7-48-48-32",
    "16-32-48k5-32",
    "16-32-48-48-32k1",
    "16-32-64-32",
    "16-32-40-40-40-32",
    "12-24-48-48-32",
    "16-32-48-48-64",
    "32-64-80-80-80-64",
    "32-64-96-96-64",
]


def run(candidate, data, teacher, pool, pairs, steps, folder):
    """Train one candidate and return its row of the table."""
    import torch

    from brian_siamsnn.training.loop import train
    from brian_siamsnn.training.recipe import Recipe
    from brian_siamsnn.training.run import outgoing_synapses

    torch.set_num_threads(1)  # the candidates share the processors
    file = folder / f"{candidate}.safetensors"
    if file.exists():
        model = bs.load_model(file)
    else:
        recipe = Recipe(
            architecture=candidate, steps=steps, pairs=pairs, operations_weight=1.0, report_every=max(1, steps // 4)
        )
        model = train(data, file, recipe, teacher=bs.load_model(teacher), pool=pool)
    training = model.provenance["training"]
    last = training["history"][-1]
    return {
        "candidate": candidate,
        "weights": sum(w.size for w, _ in model.weights.values()),
        "neurons": bs.SpikingModel.of(model).neuron_count(SEARCH_SIZE),
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
    parser.add_argument("--steps", type=int, default=1000, help="training batches of each candidate")
    parser.add_argument("--pairs", type=int, default=6000, help="training pairs that the teacher sees")
    parser.add_argument(
        "--pool", type=Path, help="folder for the teacher's responses and features; OUTPUT/pool by default"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/architectures"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    pool = arguments.pool or arguments.output / "pool"
    settings = {key: getattr(arguments, key) for key in ("data", "teacher", "pairs", "steps")}
    train_candidate = partial(run, pool=pool, folder=arguments.output, **settings)
    # the first candidate runs alone because it fills the pool that the others share
    rows = [train_candidate(arguments.candidates[0])] if not (pool / "filled.json").exists() else []
    with ProcessPoolExecutor(arguments.workers) as workers:
        rows += workers.map(train_candidate, arguments.candidates[len(rows) :])

    write_csv(arguments.output / "table.csv", rows)
    head = ["network", "weights", "synapses", "operations", "distance (cells)", "within 1 cell", "held-out loss"]
    lines = [
        [
            *(row["candidate"], f"{row['weights']:,}"),
            *(f"{row[key] / 1e6:.1f} M" for key in ("synapses", "operations")),
            *(f"{row['distance']:.2f}", f"{row['within_1']:.3f}", f"{row['held_out_loss']:.3f}"),
        ]
        for row in rows
    ]
    text = markdown([head, *lines])
    write_whole(arguments.output / "table.md", text.encode())
    print(text)

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for row in rows:
        point = row["operations"] / 1e6, row["distance"]
        axes.plot(*point, "o", color="C0")
        axes.annotate(row["candidate"], point, xytext=(4, 4), textcoords="offset points")
    axes.set(xlabel="synaptic operations per search crop, p = 4 (millions)", ylabel="peak to target, held out (cells)")
    axes.margins(0.3, 0.2)
    figure.savefig(arguments.output / "search.png", dpi=120)


if __name__ == "__main__":
    main()
