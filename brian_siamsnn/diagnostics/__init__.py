"""Look into an installation and into a network.

`doctor` runs the checks of an installation (`package_checks`, `machine_checks`), each of which returns `Finding`s
(`finding`). `inspection` compares a spiking network with its CNN, layer by layer, and `inspection_figure` draws the
result. `profiling` measures where the time of a branch goes.
"""
