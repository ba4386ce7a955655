"""OpenDRIVE files (ASAM OpenDRIVE 1.1 to 1.8) to road networks."""
