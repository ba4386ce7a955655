"""The raw log: one MCAP file an episode, every sample at its own rate, readable by other tools."""
