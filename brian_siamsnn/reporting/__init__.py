"""The HTML report of a tracking run.

`collector` records what the report shows while the tracker runs. `page` puts the
recorded data into ``report.html``, the page with its style and script, to make one
self-contained file.
"""
