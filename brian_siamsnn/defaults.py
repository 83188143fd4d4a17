"""Default values of the settings that describe a network and a tracker.

`TrackerConfig` gathers all of them; the classes that it builds from take their
defaults from here, too.
"""

__all__ = [
    "CODING",
    "HIDDEN_CODING",
    "LAMBDA_T",
    "LAMBDA_V",
    "MATCHING",
    "MODEL",
    "POOLING",
    "SCALES",
    "STEPPED_CODING",
    "STEPS",
    "TAU",
    "TEMPLATES",
    "WAVE_MATCHING",
    "WAVE_POOLING",
]

#: Model that ships.
MODEL = "compact"

#: Neuron equations of all layers, unless a number of time steps is given: a wave takes its own number.
CODING = "wave"

#: T, the time steps that an image is shown for with a coding that is no wave (paper, V.B).
STEPS = 20

#: Neuron equations of the output layer if a number of time steps is given.
STEPPED_CODING = "rate"

#: Neuron equations of the convolutions before an output layer that is no wave, and of its pooling layers.
HIDDEN_CODING = "rate"
POOLING = "max_pool"

#: Neuron equations of the pooling layers in a wave; its convolutions all have those of the output layer.
WAVE_POOLING = "or_pool"

#: Similarity of spike trains in a wave (Eq. 6): its spikes are a thermometer code, whose counts say everything.
WAVE_MATCHING = "psm"

#: Similarity of spike trains (Eq. 6-9), its response period in steps, and the weights of its two parts.
MATCHING = "hsm"
TAU = 1
LAMBDA_V = 1.0
LAMBDA_T = 20.0

#: Sizes of the search region in each frame.
SCALES = 3

#: Exemplars that the tracker remembers, the first included.
TEMPLATES = 4
