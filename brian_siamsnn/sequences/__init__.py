"""Everything that produces frames.

`sources` opens any single source: a video, a stream, a camera, a folder of
images, a benchmark sequence or the synthetic one. `datasets` finds all the
sequences of a benchmark folder. `frames` defines `Sequence`, the object that both
return. `images` reads images, and `captures` videos, streams and cameras, about
whose files `containers` knows more than OpenCV. `annotations` reads ground-truth boxes, `otb`
holds what the OTB benchmark publishes about its sequences, and `synthetic`
renders a sequence with exactly known boxes, without any files.
"""
