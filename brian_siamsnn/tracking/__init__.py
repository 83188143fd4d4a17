"""Tracking one object through a sequence.

`tracker` finds the object in one frame after another, with the settings of `config`. `run` tracks a whole sequence and
`run_folder` writes its boxes and video, which `overlay` draws. `live` has the windows: drawing the first box, and
watching a run.
"""
