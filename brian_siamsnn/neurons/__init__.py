"""Neuron models: TOML files of Brian2 equations, read, checked and simulated.

`equation_files` reads a model file, `validation` checks that its strings are plain Brian2 expressions, and `equations`
turns it into `NeuronEquations`, from which Brian2 groups are made. `single_neuron` simulates one neuron on its own, for
looking at a model and for testing it.
"""
