"""The log: one MCAP file an episode, written so that nothing is lost."""
