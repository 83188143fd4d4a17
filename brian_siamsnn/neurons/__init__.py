"""Neuron models: TOML files of Brian2 equations, read, checked and simulated.

`equation_files` reads a model file with its `parameters` (`toml_checks` has the checks of keys and types), `validation`
checks that its strings are plain Brian2 expressions, and `equations` turns it into `NeuronEquations`, from which Brian2
groups are made. `single_neuron` simulates one neuron on its own, for exploring and testing a model.
"""
