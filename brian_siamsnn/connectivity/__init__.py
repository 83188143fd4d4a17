"""How the neurons of one layer reach those of the next.

`explicit` writes a layer as synapses (i, j, w). `shared_kernel` stores the weights once and adds them for each spike,
with the C++ code in ``kernels/`` compiled into ``_events``; `first_layer` convolves the image. `blocks` arranges the
weights in memory for these kernels, and `kernel_equations` checks that a kernel computes what the neuron equations say.
"""
