"""Spiking networks that embed images, as Brian2 networks on several devices.

`branch` defines `Branch`, the common base. `runtime` steps a network from Python, with `step_objects` beside Brian2's
own objects; `compiled` is the base of `standalone` (C++) and `genn` (GeNN, with `additive_pooling`), which show images
one after another (`presentation`). `devices` surveys the devices and builds a branch on one of them, and `memory`
estimates what a branch needs. `layer_equations` chooses the neuron equations of each layer, and `synapses` connects
layers explicitly. `recording` and `snapshot` return what a network did. `brian2_internals` has everything that depends
on Brian2's internals.
"""
