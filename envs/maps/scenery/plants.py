"""Trees, conifers, bushes and hedges from lumpy balls and cones."""

from __future__ import annotations

import numpy as np

from fleetloop.core.rng import child_generator
from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.maps.kinds import PropKind
from fleetloop.envs.maps.network import Floats, RoadNetwork
from fleetloop.envs.maps.scenery.pile import Pile, Skin, Triangles
from fleetloop.envs.maps.scenery.shapes import ball, box, cone, prism
from fleetloop.envs.maps.scenery.skins import BARK, HEDGE, LEAVES, skin

_SHAPES = 6


def pile_plants(pile: Pile, network: RoadNetwork) -> None:
    """Adds all plants."""
    props = network.props
    lumps = [_lumpy(3, seed) for seed in range(_SHAPES)]
    small = [_lumpy(1, seed) for seed in range(_SHAPES)]
    for row in range(len(props)):
        kind, style = int(props.kind[row]), int(props.style[row])
        foot, size = props.xyz_m[row], props.size_m[row]
        if kind == PropKind.TREE:
            _tree(pile, foot, float(size[0]), float(size[2]), style, lumps, small)
        elif kind == PropKind.CONIFER:
            _conifer(pile, foot, float(size[0]), float(size[2]), style)
        elif kind == PropKind.BUSH:
            points, triangles = lumps[style % _SHAPES]
            _leaves(pile, _leaf(style), points * size + foot + [0, 0, 0.7 * size[2]], triangles,
                    points)  # fmt: skip
        elif kind == PropKind.HEDGE:
            vertices, triangles, uv = box(size, float(props.heading_rad[row]))
            pile.add(HEDGE, vertices + foot, triangles, uv)


def _leaf(style: int) -> Skin:
    return skin("foliage", SemanticClass.VEGETATION, color=LEAVES[style % len(LEAVES)],
                smooth=True)  # fmt: skip


def _tree(
    pile: Pile,
    foot_m: Floats,
    crown_m: float,
    height_m: float,
    style: int,
    lumps: list[tuple[Floats, Triangles]],
    small: list[tuple[Floats, Triangles]],
) -> None:
    trunk = 0.55 * height_m
    vertices, triangles, uv = prism(0.022 * height_m, trunk, 6)
    pile.add(BARK, vertices + foot_m, triangles, uv)
    leaf = _leaf(style)
    turn = style * 0.7
    middle = foot_m + np.array([0.0, 0.0, height_m - 1.05 * crown_m])
    points, triangles = lumps[style % _SHAPES]
    turned = _turned(points, turn)
    scale = crown_m * np.array([1.0, 1.0, 1.05])
    _leaves(pile, leaf, turned * scale + middle, triangles, turned)
    for k in range(2):
        angle = turn + 2.4 * k + 0.5
        points, triangles = small[(style + k + 1) % _SHAPES]
        away = 0.62 * crown_m * np.array([np.cos(angle), np.sin(angle), -0.35 + 0.3 * k])
        _leaves(pile, leaf, 0.62 * crown_m * points + middle + away, triangles, points)


def _conifer(pile: Pile, foot_m: Floats, crown_m: float, height_m: float, style: int) -> None:
    vertices, triangles, uv = prism(0.02 * height_m, 0.2 * height_m, 5)
    pile.add(BARK, vertices + foot_m, triangles, uv)
    needles = skin("foliage", SemanticClass.VEGETATION, color=(0.022, 0.055, 0.024))
    for k, (low, wide) in enumerate(((0.14, 0.85), (0.38, 0.66), (0.62, 0.44))):
        vertices, triangles, uv = cone(wide * crown_m, (0.42 - 0.02 * k) * height_m, 9)
        turned = _turned(vertices, style + 0.3 * k)
        pile.add(needles, turned + foot_m + [0.0, 0.0, low * height_m], triangles, uv)


def _leaves(
    pile: Pile, leaf: Skin, vertices_m: Floats, triangles: Triangles, normals: Floats
) -> None:
    unit = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    uv = np.stack([vertices_m[:, 0] + 0.7 * vertices_m[:, 1],
                   vertices_m[:, 2] + 0.4 * vertices_m[:, 1]], axis=1)  # fmt: skip
    pile.add(leaf, vertices_m, triangles, uv, unit)


def _lumpy(level: int, seed: int) -> tuple[Floats, Triangles]:
    """A ball whose radius swells and shrinks, the same for all maps."""
    rng = child_generator(seed, "scenery", "crown", level)
    points, triangles = ball(level)
    for _ in range(5):
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        points = (
            points * (1.0 + 0.09 * np.sin(4.3 * points @ direction + rng.uniform(0, 6.3)))[:, None]
        )
    return points, triangles


def _turned(points: Floats, angle_rad: float) -> Floats:
    cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
    turn = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(points @ turn.T)
