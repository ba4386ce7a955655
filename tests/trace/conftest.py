"""Shared pieces of the tracer's tests."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from fleetloop.envs.trace import shapes

CAMERA_ROTATION = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


@pytest.fixture(scope="session")
def oracle():
    """The NumPy ray tracer beside this file."""
    path = Path(__file__).with_name("oracle_numpy.py")
    spec = importlib.util.spec_from_file_location("oracle_numpy", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def camera_rotation():
    """world_R_sensor of a camera that looks along world x."""
    return CAMERA_ROTATION


@pytest.fixture(scope="session")
def icosphere():
    """A closed mesh of 320 triangles and radius 1 (subdivided icosahedron)."""
    g = (1 + 5**0.5) / 2
    v = [(-1, g, 0), (1, g, 0), (-1, -g, 0), (1, -g, 0), (0, -1, g), (0, 1, g)]
    v += [(0, -1, -g), (0, 1, -g), (g, 0, -1), (g, 0, 1), (-g, 0, -1), (-g, 0, 1)]
    f = [(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4)]
    f += [(11, 10, 2), (10, 7, 6), (7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8)]
    f += [(3, 8, 9), (4, 9, 5), (2, 4, 11), (6, 2, 10), (8, 6, 7), (9, 8, 1)]
    vertices = [np.array(p) / np.linalg.norm(p) for p in v]
    for _ in range(2):
        middles, finer = {}, []
        for a, b, c in f:
            m = []
            for i, j in ((a, b), (b, c), (c, a)):
                key = (min(i, j), max(i, j))
                if key not in middles:
                    p = vertices[i] + vertices[j]
                    middles[key] = len(vertices)
                    vertices.append(p / np.linalg.norm(p))
                m.append(middles[key])
            finer += [(a, m[0], m[2]), (b, m[1], m[0]), (c, m[2], m[1]), tuple(m)]
        f = finer
    return shapes.Mesh(np.array(vertices), np.array(f))
