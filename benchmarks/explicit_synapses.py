"""What it takes to write every weight of a model as a Brian2 synapse, beside the shared kernel in the same run.

    python benchmarks/explicit_synapses.py [--model compact] [--steps 20] [--runs 5] [--json FILE]

Builds the search branch both ways, shows both the same image, checks that they give the same spikes, and prints the
time to build, the peak memory and the median time an image. A model that does not fit into memory is refused.
"""

import argparse
import json
import resource
import time

import brian2
import numpy as np

from brian_siamsnn.crops import SEARCH_SIZE, crop
from brian_siamsnn.model.conversion import SpikingModel
from brian_siamsnn.model.files import load_model
from brian_siamsnn.network.runtime import SpikingBranch
from brian_siamsnn.sequences.synthetic import SyntheticSequence


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    brian2.prefs.logging.console_log_level = "ERROR"
    brian2.BrianLogger.initialize()
    model = SpikingModel.from_model(load_model(arguments.model))
    frame = next(iter(SyntheticSequence(frames=1)))
    image = crop(frame, (120, 160), 200, SEARCH_SIZE, (0, 0, 0))
    result, outputs = {"model": arguments.model, "steps": arguments.steps, "runs": arguments.runs}, {}
    # the kernel first, so that the peak of memory is that of the explicit synapses
    for form in ("kernel", "synapses"):
        began = time.perf_counter()
        branch = SpikingBranch(model, SEARCH_SIZE, arguments.steps, connectivity=form)
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
    # sums of rounded weights in another order can move a spike by a step; counts of differing places are shown
    result["differing_spikes"] = int((outputs["kernel"] != outputs["synapses"]).sum())
    for key, value in result.items():
        print(f"{key:<28}{value:.4g}" if isinstance(value, float) else f"{key:<28}{value}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)


if __name__ == "__main__":
    main()
