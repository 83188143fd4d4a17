"""What a frame costs on each device besides its events: the shipped network with all weights zero, which never fires.

    python benchmarks/overhead.py [--model compact] [--size 255] [--steps 20] [--runs 7] [--json FILE]

Each device runs in a process of its own; one that is absent is named with the reason. ``seconds_per_frame`` holds the
medians: state updates and thresholds of all neurons, and what the device itself takes. ``one_image`` is the cost of a
run that shows one image, ``many`` that of an image among eight of one run; on compiled devices the difference is what
it takes to start the program and to read its files.
"""

import argparse
import json
import time
from dataclasses import replace

import numpy as np
from shared import FORMS, machine, measured_apart, peak_memory_mib, quiet, seconds, write_json
from tqdm import tqdm

IMAGES = 8


def measure(name, model, size, steps, runs):
    """In a process of its own; prints one line of JSON."""
    from brian_siamsnn.model.conversion import SpikingModel
    from brian_siamsnn.model.files import load_model
    from brian_siamsnn.network.devices import build_branch

    quiet()
    model = SpikingModel.from_model(load_model(model))
    silent = {key: (np.zeros_like(w), np.zeros_like(b)) for key, (w, b) in model.weights.items()}
    model = replace(model, weights=silent, initial_potential=0.0)
    device, options = FORMS[name]
    result = {}
    for key, images in (("one_image", 1), ("many", IMAGES)):
        if images > 1 and options.get("connectivity") == "synapses":
            continue  # side by side they would need as many times the memory
        began = time.perf_counter()
        branch = build_branch(model, size, steps, device=device, batch_size=images, **options)
        stack = np.zeros((size, size, 3) if images == 1 else (images, size, size, 3), np.uint8)
        branch.run(stack)
        result[f"{key}_build_seconds"] = time.perf_counter() - began
        result[key] = float(np.median(seconds(lambda: branch.run(stack), runs))) / images  # noqa: B023
        assert sum(by_step.sum() for by_step in branch.spikes.values()) == 0
    print(json.dumps({**result, "peak_memory_mib": peak_memory_mib()}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--size", type=int, default=255, help="side of the crop in pixels")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json")
    parser.add_argument("--only", choices=FORMS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        measure(arguments.only, arguments.model, arguments.size, arguments.steps, arguments.runs)
        return
    measured = {
        name: measured_apart(
            __file__,
            "--model",
            arguments.model,
            "--size",
            arguments.size,
            "--steps",
            arguments.steps,
            "--runs",
            arguments.runs,
            "--only",
            name,
        )
        for name in tqdm(FORMS, desc="devices", disable=None)
    }
    description = machine()
    print(
        f"{description['cpu']}, {description['cores']} cores, load {description['load_average']:.1f}; "
        f"{arguments.model}, {arguments.size} pixels, T = {arguments.steps}, medians of {arguments.runs}\n"
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
    write_json(
        arguments.json,
        {
            "model": arguments.model,
            "size": arguments.size,
            "steps": arguments.steps,
            "runs": arguments.runs,
            "seconds_per_frame": fixed,
            "measured": measured,
        },
    )


if __name__ == "__main__":
    main()
