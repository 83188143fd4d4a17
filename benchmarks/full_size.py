"""Seconds a three-scale frame of a model takes, and the memory it needs, beside its own CNN in the same run.

    python benchmarks/full_size.py [--model compact] [--frames 10] [--json FILE]

Prints the median over the frames of the synthetic sequence.
"""

import argparse
import json
import resource
import time

import brian2
import numpy as np

from brian_siamsnn.matching.matchers import ConvolutionalMatcher, SpikingMatcher
from brian_siamsnn.model.files import load_model
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from brian_siamsnn.tracking.tracker import SiameseTracker


def frame_times(matcher, frames):
    """Seconds of each update after the first frame, and synaptic operations of all of them."""
    sequence = SyntheticSequence(frames=frames + 1)
    tracker, seconds = SiameseTracker(matcher), []
    for k, frame in enumerate(sequence):
        began = time.perf_counter()
        tracker.update(frame) if k else tracker.init(frame, sequence.first_box)
        seconds.append(time.perf_counter() - began)
        if k == 0:
            exemplar = getattr(matcher, "operations", 0)
    return seconds[1:], getattr(matcher, "operations", 0) - exemplar


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    brian2.prefs.logging.console_log_level = "ERROR"
    brian2.BrianLogger.initialize()
    model = load_model(arguments.model)

    matcher = SpikingMatcher(model, arguments.steps)
    matcher.prepare()
    spiking, operations = frame_times(matcher, arguments.frames)
    # before PyTorch is loaded, which takes memory of its own
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cnn, _ = frame_times(ConvolutionalMatcher(model), arguments.frames)
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
        "codegen": matcher.search_branch.codegen,
    }
    for key, value in result.items():
        print(f"{key:<24}{value:.4g}" if isinstance(value, float) else f"{key:<24}{value}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)


if __name__ == "__main__":
    main()
