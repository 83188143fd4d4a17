"""The network as data: layers, weights, and the conversion from a CNN to spiking neurons.

`layers` describes a branch (`layer_json` in JSON), and `files` reads and writes model files (`SiameseModel`).
`calibration` shows images to the CNN, `activation_scales` turns its activations into scales, and `conversion` makes a
`SpikingModel` of both; `fixed_point_weights` rounds its weights. `graph_layers` and `graph` describe networks with
branches; `tracing` makes them of PyTorch networks, and `module_conversion` converts these. `cnn` is SiamFC in PyTorch,
`ciresnet` SiamDW's backbone; `numpy_cnn` and `graph_numpy` compute activations without PyTorch. `checkpoints` and
`state_dicts` import PyTorch networks, and `nir_graphs` and `nir_files` exchange spiking networks with other simulators.
"""
