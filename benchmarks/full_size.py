"""Time and memory of a three-scale frame, compared with the CNN of the same model.

    python benchmarks/full_size.py [--model compact] [--frames 10] [--json FILE]

Prints the median time over the frames of the synthetic sequence.
"""

import argparse
import json
import resource
import time

import numpy as np

import brian_siamsnn as bs
from brian_siamsnn.defaults import MODEL, STEPS
from brian_siamsnn.environment import quiet
from brian_siamsnn.sequences.synthetic import SyntheticSequence


def frame_times(tracker, frames):
    """Return the seconds of each frame after the first, and their total synaptic operations."""
    sequence = SyntheticSequence(frames=frames + 1)
    matcher, seconds = tracker.matcher, []
    for k, frame in enumerate(sequence):
        began = time.perf_counter()
        tracker.update(frame) if k else tracker.init(frame, sequence.first_box)
        seconds.append(time.perf_counter() - began)
        if k == 0:
            exemplar = getattr(matcher, "operations", 0)
    return seconds[1:], getattr(matcher, "operations", 0) - exemplar


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    quiet()

    tracker = bs.TrackerConfig(model=arguments.model, steps=arguments.steps).build_tracker()
    tracker.prepare()
    spiking, operations = frame_times(tracker, arguments.frames)
    # read before PyTorch is loaded, which adds its own memory
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cnn, _ = frame_times(bs.TrackerConfig(model=arguments.model, tracker="cnn").build_tracker(), arguments.frames)
    result = {
        "model": arguments.model,
        "steps": arguments.steps,
        "frames": arguments.frames,
        "seconds_per_frame": float(np.median(spiking)),
        "seconds_per_frame_cnn": float(np.median(cnn)),
        "ratio_to_cnn": float(np.median(spiking) / np.median(cnn)),
        "peak_memory_mib": memory,
        "operations_per_frame": operations / len(spiking),
        "operations_per_second": operations / sum(spiking),
        "codegen": tracker.matcher.search_branch.codegen,
    }
    for key, value in result.items():
        print(f"{key:<24}{value:.4g}" if isinstance(value, float) else f"{key:<24}{value}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)


if __name__ == "__main__":
    main()
