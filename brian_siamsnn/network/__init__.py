"""Spiking networks that embed images, as Brian2 networks on several devices.

`branch` defines `Branch`, the common base. `runtime` steps a network from Python (`stepping`, in the order of
`schedule`), with `step_objects` and `recorders` beside Brian2's own objects; `compiled` is the base of `standalone`
(C++) and `genn` (GeNN, with `additive_pooling`), which show images one after another (`presentation`). `devices`
surveys the devices and builds a branch on one of them, and `memory` estimates what a branch needs. `layer_equations`
chooses the neuron equations of each layer, `synapses` connects layers explicitly, `recording` and `snapshot` return
what a network did.

The modules named `brian2_...` have everything that depends on details of Brian2 2.5 to 2.11, and are what to look at
when a new version breaks something: `brian2_state` (variables, spike lists, clocks), `brian2_code` (generated code),
`brian2_cache` (compiled modules), `brian2_attached` (what a user adds) and `brian2_names` (standalone projects).
"""
