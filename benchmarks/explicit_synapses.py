"""Compare explicit Brian2 synapses, one per weight, with the shared kernel.

    python benchmarks/explicit_synapses.py [--model compact] [--steps 20] [--runs 5] [--json FILE]

Builds the search branch in both forms, shows both the same image, and counts the spikes that differ. Prints the build
time, the peak memory and the median time per image. A model that does not fit into memory is rejected.
"""

import argparse
import json
import resource
import time

import brian2
import numpy as np
from shared import synthetic_crop

import brian_siamsnn as bs
from brian_siamsnn.crops import SEARCH_SIZE
from brian_siamsnn.defaults import MODEL, STEPS
from brian_siamsnn.environment import quiet


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    quiet()
    model, image = bs.SpikingModel.of(arguments.model), synthetic_crop(SEARCH_SIZE)
    result, outputs = {"model": arguments.model, "steps": arguments.steps, "runs": arguments.runs}, {}
    # the kernel first, because the peak memory of the process only grows
    for form in ("kernel", "synapses"):
        began = time.perf_counter()
        branch = bs.SpikingBranch(model, SEARCH_SIZE, arguments.steps, connectivity=form)
        result[f"{form}_build_seconds"] = time.perf_counter() - began
        branch.prepare()
        seconds = []
        for _ in range(arguments.runs):
            began = time.perf_counter()
            outputs[form] = branch.run(image).dense()
            seconds.append(time.perf_counter() - began)
        result[f"{form}_seconds_per_image"] = float(np.median(seconds))
        result[f"{form}_peak_memory_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        result["operations"] = int(sum(events.sum() for events in branch.operations.values()))
    result["synapses"] = sum(len(s) for s in branch.network.objects if isinstance(s, brian2.Synapses))
    result["ratio_to_kernel"] = result["synapses_seconds_per_image"] / result["kernel_seconds_per_image"]
    # the order in which rounded weights are added can shift a spike by one step
    result["differing_spikes"] = int((outputs["kernel"] != outputs["synapses"]).sum())
    for key, value in result.items():
        print(f"{key:<28}{value:.4g}" if isinstance(value, float) else f"{key:<28}{value}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)


if __name__ == "__main__":
    main()
