"""Scoring trackers on benchmark data sets.

`run` evaluates one tracker configuration on many sequences, with `workers` to
distribute them over processes and `store` to resume an interrupted run.
`comparison` scores existing boxes, of this tracker or of others, which
`result_files` reads. `report` turns the scores into a report and tables, and
`plots` into figures. `vot` and `vot_workspace` connect the tracker to the VOT
toolkit.
"""
