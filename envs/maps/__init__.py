"""Roads and what stands beside them; sources of worlds."""
