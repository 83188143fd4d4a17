"""Neuron models that tests write to files and alter."""

#: A model with one of each item that a file may contain.
GOOD = """
name = "own"
description = "for tests"
model = '''
v : 1
I : 1 (constant)
v_th : 1 (shared, constant)
step = timestep(t, dt) + 1 : integer (shared)
'''
update = "v += I"
threshold = "v >= v_th and {when}"
reset = "v -= v_th"
on_pre = "v_post += w * {amplitude}_pre"
amplitude = "v_th"
[initial]
v = "v_init"
[choices.when]
default = "always"
options = { always = "True", later = "step > p" }
[parameters.v_th]
default = 1.0
above = 0.0
[parameters.p]
default = 2
minimum = 1
[parameters.v_init]
default = 0.0
"""
