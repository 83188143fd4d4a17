"""Spike trains as data: what a layer fired, and everything done with it afterwards.

`trains` defines `SpikeTrains`, the spikes of one layer for one image.
`statistics` computes intervals, bursts and correlations, and `density` the firing
density of large layers. `plots` draws raster plots, membrane traces, histograms
and feature maps. `files` reads and writes spike trains as CSV, NumPy and, through
`nwb`, NWB files; `objects` converts them to and from Neo and to PySpike.
"""
