"""Fixed cost of a frame on each device: a network with all weights zero, which never fires.

    python benchmarks/overhead.py [--model compact] [--size 255] [--steps 20] [--runs 7] [--json FILE]

Each device runs in a separate process; for a device that is not available, the reason is printed.
``seconds_per_frame`` holds the medians, which cover the state updates and thresholds of all neurons and the overhead of
the device. ``one_image`` is the time of a run with one image, ``many`` the time per image in a run with eight. On
compiled devices, the difference is the cost of starting the program and reading its files.
"""

import argparse
import json
import time
from dataclasses import replace

import numpy as np
from shared import FORMS, heading, measured_apart, peak_memory_mib, seconds, write_json
from tqdm import tqdm

import brian_siamsnn as bs
from brian_siamsnn.defaults import MODEL, STEPS
from brian_siamsnn.environment import quiet

IMAGES = 8


def measure(name, model, size, steps, runs):
    """Measure one device in this process; prints one line of JSON."""
    quiet()
    model = bs.SpikingModel.of(model)
    silent = {key: (np.zeros_like(w), np.zeros_like(b)) for key, (w, b) in model.weights.items()}
    model = replace(model, weights=silent, initial_potential=0.0)
    device, options = FORMS[name]
    result = {}
    for key, images in (("one_image", 1), ("many", IMAGES)):
        if images > 1 and options.get("connectivity") == "synapses":
            continue  # a batch needs eight times the memory
        began = time.perf_counter()
        branch = bs.build_branch(model, size, steps, device=device, batch_size=images, **options)
        black = np.zeros((images, size, size, 3), np.uint8)
        branch.run_batch(black)
        result[f"{key}_build_seconds"] = time.perf_counter() - began
        result[key] = float(np.median(seconds(lambda: branch.run_batch(black), runs))) / images  # noqa: B023
        assert sum(by_step.sum() for by_step in branch.spikes.values()) == 0
    print(json.dumps({**result, "peak_memory_mib": peak_memory_mib()}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--size", type=int, default=255, help="side of the crop in pixels")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json")
    parser.add_argument("--only", choices=FORMS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        measure(arguments.only, arguments.model, arguments.size, arguments.steps, arguments.runs)
        return
    settings = {name: getattr(arguments, name) for name in ("model", "size", "steps", "runs")}
    options = [part for key, value in settings.items() for part in (f"--{key}", value)]
    measured = {
        name: measured_apart(__file__, *options, "--only", name) for name in tqdm(FORMS, desc="devices", disable=None)
    }
    print(
        f"{heading()}; {arguments.model}, {arguments.size} pixels, T = {arguments.steps}, medians of {arguments.runs}\n"
    )
    print(f"{'seconds':<24}{'one image':>11}{f'of {IMAGES} images':>13}{'to build':>10}{'MiB':>7}")
    for name, values in measured.items():
        if "failed" in values:
            print(f"{name:<24}{values['failed']}")
            continue
        many = f"{values['many']:>13.4f}" if "many" in values else f"{'-':>13}"
        print(
            f"{name:<24}{values['one_image']:>11.4f}{many}{values['one_image_build_seconds']:>10.1f}"
            f"{values['peak_memory_mib']:>7.0f}"
        )
    fixed = {name: values["one_image"] for name, values in measured.items() if "failed" not in values}
    write_json(arguments.json, {**settings, "seconds_per_frame": fixed, "measured": measured})


if __name__ == "__main__":
    main()
