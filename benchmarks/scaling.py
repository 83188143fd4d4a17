"""Time per image and events per second against network size, T, image size, firing rate and number of threads.

    python benchmarks/scaling.py [--runs 5] [--only neurons threads ...] [--json FILE]

Starts from a random network of the compact family (16-32-48-48-32 channels, 255 pixels, T = 20, one thread) and varies
one property at a time. ``events_per_second`` in the JSON file belongs to the base network; ``rows`` holds the variants.

    neurons    channels of every layer times 1/2, 1, 2, 3; the number of synapses grows quadratically
    layers     3 to 7, repeating the last one
    steps      T
    size       side of the image in pixels
    rate       scale of the input current of all layers, which changes the firing rate
    threads    1 up to the number of processors
    p          levels of a wave, with the weights in fixed point: what runs is one pass a layer (`window_pass`)
    window     the same with p = 4, and more or fewer spikes in a window
"""

import argparse
import os

import numpy as np
from shared import heading, seconds, write_json
from tqdm import tqdm

import brian_siamsnn as bs
from brian_siamsnn.connectivity.explicit import synapse_count
from brian_siamsnn.crops import SEARCH_SIZE
from brian_siamsnn.defaults import STEPS
from brian_siamsnn.environment import quiet
from brian_siamsnn.model.layers import compact

BASE = {"channels": (16, 32, 48, 48, 32), "size": SEARCH_SIZE, "steps": STEPS, "drive": 1.0, "threads": 1, "p": 0}
PROCESSORS = len(os.sched_getaffinity(0))
CHANGES = {
    "neurons": [{"channels": tuple(int(c * factor) for c in BASE["channels"])} for factor in (0.5, 1, 2, 3)],
    "layers": [{"channels": BASE["channels"][:k] + (32,) * max(0, k - 5)} for k in (3, 4, 5, 6, 7)],
    "steps": [{"steps": steps} for steps in (5, 10, 20, 40)],
    "size": [{"size": size} for size in (127, 191, 255, 383)],
    "rate": [{"drive": drive} for drive in (0.25, 0.5, 1.0, 2.0)],
    "threads": [{"threads": threads} for threads in sorted({1, 2, 4, PROCESSORS}) if threads <= PROCESSORS],
    "p": [{"p": p} for p in (1, 2, 4, 8, 16)],
    "window": [{"drive": drive, "p": 4} for drive in (0.25, 0.5, 1.0, 2.0)],
}


def random_model(channels, drive, whole=False):
    """Draw weights with zero mean, for which every layer fires in a few per cent of the steps."""
    rng = np.random.default_rng(0)
    layers, weights = compact("-".join(map(str, channels))), {}
    for k, layer in enumerate(layers):
        w = rng.normal(0, 0.8 / np.sqrt(np.prod(layer.weight_shape[1:])), layer.weight_shape)
        if k == 0:
            w /= 128  # pixels are 0 to 255
        b = np.full(layer.out_channels, 0.05 * drive)
        w, b = (np.round(part * 1024) / 1024 if whole and k else part for part in (drive * w if k == 0 else w, b))
        weights[layer.name] = w.astype(np.float32), b.astype(np.float32)
    return bs.SpikingModel(layers, weights, 0.5 if whole else 0.0)


def measure(runs, channels, size, steps, drive, threads, p):
    """Measure one network, and return its row of the table."""
    model = random_model(channels, drive, whole=p > 0)
    branch = bs.SpikingBranch(model, size, None if p else steps, f"wave:p={p}" if p else "rate", threads=threads)
    steps = branch.steps
    image = np.random.default_rng(1).integers(0, 256, (size, size, 3), dtype=np.uint8)
    median = float(np.median(seconds(lambda: branch.run(image), runs)))
    neurons = branch.model.neuron_count(branch.image_size)
    events = sum(int(np.sum(by_step)) for by_step in branch.operations.values())
    spikes = sum(int(by_step.sum()) for by_step in branch.spikes.values())
    return {
        "channels": "-".join(map(str, channels)),
        "size": size,
        "steps": steps,
        "drive": drive,
        "threads": threads,
        "p": p,
        "neurons": neurons,
        "synapses": sum(synapse_count(projection) for projection in branch.projections.values()),
        "rate": spikes / neurons / steps,
        "events": events,
        "seconds": median,
        "events_per_second": events / median,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=CHANGES, default=list(CHANGES))
    parser.add_argument("--json")
    arguments = parser.parse_args()
    quiet()
    base = measure(arguments.runs, **BASE)
    result = {"runs": arguments.runs, "events_per_second": base["events_per_second"], "base": base, "rows": {}}
    points = [(name, change) for name in arguments.only for change in CHANGES[name]]
    for name, change in tqdm(points, desc="networks", disable=None):
        result["rows"].setdefault(name, []).append(measure(arguments.runs, **(BASE | change)))
    print(heading())
    for name, rows in result["rows"].items():
        print(f"\n{name:<24}{'neurons':>9}{'synapses':>12}{'rate':>8}{'events':>12}{'seconds':>10}{'events/s':>11}")
        for row, change in zip(rows, CHANGES[name], strict=True):
            key = next(iter(change))
            print(
                f"{row[key]!s:<24}{row['neurons']:>9,}{row['synapses']:>12,}{row['rate']:>8.3f}{row['events']:>12.3g}"
                f"{row['seconds']:>10.4f}{row['events_per_second']:>11.3g}"
            )
    write_json(arguments.json, result)


if __name__ == "__main__":
    main()
