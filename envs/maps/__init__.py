"""Roads and what stands beside them; sources of worlds.

Start at `load.open_map`. The types are in `network.py`, what a source must do in `builder.py` and
`sources.py`. A new source is one file and one line in `sources.MAPS`.
"""
