"""Homes: rooms, and what stands in them."""
