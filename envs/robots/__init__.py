"""Robots: their numbers with sources, their dynamics, their rigs."""
