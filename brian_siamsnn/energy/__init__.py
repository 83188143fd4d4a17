"""What tracking costs: every operation counted, and priced on several pieces of hardware.

`operations` counts what a branch did in its last run, and `counter` what a matcher does for each frame of a video.
`cost_models` reads the figures of the hardware (`cost_models.toml`), `pricing` turns counts into energy, `table3` has
the arithmetic of the paper's Table III, and `report` and `plots` present the results.
"""
