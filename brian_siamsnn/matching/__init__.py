"""Comparing the exemplar with the search region.

`similarity` computes response maps from spike trains: PSM, TSM and HSM (Eq. 6-9). `matchers` turn crops of a frame into
response maps, with the spiking network or with the CNN that it was converted from.
"""
