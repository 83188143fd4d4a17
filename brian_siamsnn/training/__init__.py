"""Training of SiamFC so that its activations can be spike counts; needs PyTorch.

`recipe` has the settings, `loop` trains and writes the model, and `run` holds the state that changes meanwhile. `pairs`
and `augmentation` cut training pairs from videos and photos, `pair_store` keeps them on disk with the features of a
teacher, and `batches` assembles them. `loss`, `distillation` and `quantised_activations` make up the objective.
"""
