"""The town generator: streets, junctions, signals, houses and trees from a seed."""
