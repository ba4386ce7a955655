"""Lamps, signals, signs, fences and small things of the street."""

from __future__ import annotations

import functools

import cv2
import numpy as np

from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.maps.kinds import HeadKind, PropKind, SignCode
from fleetloop.envs.maps.network import Floats, RoadNetwork
from fleetloop.envs.maps.scenery.pile import Pile, Skin
from fleetloop.envs.maps.scenery.shapes import Solid, beam, box, disc, prism, quads
from fleetloop.envs.maps.scenery.skins import FENCE, HOUSING, LAMP_GLASS, METAL, POST, skin
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.texture import Texture

LENS_M = 0.105
LENS_STEP_M = 0.29
_BACK_M = 0.12
_SIDES = {SignCode.STOP: 8, SignCode.YIELD: 3}
_SIGN_PX = 96


def pile_furniture(pile: Pile, network: RoadNetwork) -> None:
    """Adds all of it."""
    props = network.props
    for row in range(len(props)):
        _prop(pile, int(props.kind[row]), props.xyz_m[row], float(props.heading_rad[row]),
              props.size_m[row], int(props.style[row]))  # fmt: skip
    _signals(pile, network)
    _signs(pile, network)


def _put(pile: Pile, skin_: Skin, solid: Solid, at_m: Floats) -> None:
    vertices, triangles, uv = solid
    pile.add(skin_, vertices + at_m, triangles, uv)


def _prop(
    pile: Pile, kind: int, foot_m: Floats, heading_rad: float, size_m: Floats, style: int
) -> None:
    ahead = np.array([np.cos(heading_rad), np.sin(heading_rad), 0.0])
    if kind == PropKind.LAMP:
        reach, thick, tall = size_m
        _put(pile, POST, prism(0.5 * float(thick), float(tall), 8), foot_m)
        top = foot_m + np.array([0.0, 0.0, float(tall)])
        _put(pile, POST, beam(top, top + reach * ahead, 0.08), np.zeros(3))
        _put(pile, LAMP_GLASS, box((0.6, 0.24, 0.1), heading_rad), top + reach * ahead)
    elif kind == PropKind.FENCE:
        length = float(size_m[0])
        for k in range(int(length / 2.5) + 1):
            post = foot_m + (min(2.5 * k, length) - 0.5 * length) * ahead
            _put(pile, METAL, box((0.06, 0.06, size_m[2])), post)
        for level in (0.35, 0.65, 0.95):
            rail = foot_m + np.array([0.0, 0.0, level * size_m[2]])
            _put(pile, METAL, beam(rail - 0.5 * length * ahead, rail + 0.5 * length * ahead, 0.05),
                 np.zeros(3))  # fmt: skip
    elif kind == PropKind.WALL:
        wall = skin("brick", SemanticClass.WALL)
        _put(pile, wall, box(size_m, heading_rad), foot_m)
    elif kind == PropKind.BENCH:
        depth, wide, high = (float(value) for value in size_m)
        seat = foot_m + np.array([0.0, 0.0, 0.42])
        _put(pile, FENCE, box((depth, wide, 0.06), heading_rad), seat)
        back = foot_m - 0.5 * depth * ahead + [0.0, 0.0, 0.5]
        _put(pile, FENCE, box((0.05, wide, high - 0.45), heading_rad), back)
        for side in (-0.4, 0.4):
            aside = side * wide * np.array([-ahead[1], ahead[0], 0.0])
            _put(pile, METAL, box((depth, 0.06, 0.42), heading_rad), foot_m + aside)
    elif kind in (PropKind.BIN, PropKind.CABINET, PropKind.HYDRANT, PropKind.BOLLARD):
        colors = {PropKind.BIN: ((0.02, 0.10, 0.05), (0.10, 0.10, 0.10))[style % 2],
                  PropKind.CABINET: (0.20, 0.22, 0.20), PropKind.HYDRANT: (0.45, 0.04, 0.03),
                  PropKind.BOLLARD: (0.30, 0.30, 0.30)}  # fmt: skip
        body = skin("plastic", SemanticClass.OBSTACLE, color=colors[PropKind(kind)])
        if kind == PropKind.HYDRANT:
            _put(pile, body, prism(0.5 * float(size_m[0]), float(size_m[2]), 8), foot_m)
            _put(
                pile,
                body,
                box((0.34, 0.34, 0.08), heading_rad),
                foot_m + np.array([0.0, 0.0, size_m[2]]),
            )
        else:
            _put(pile, body, box(size_m, heading_rad), foot_m)


def _signals(pile: Pile, network: RoadNetwork) -> None:
    signals = network.signals
    dark = skin("plastic_black", SemanticClass.TRAFFIC_LIGHT, color=(0.03, 0.03, 0.03))
    poles: set[tuple[float, ...]] = set()
    for row in range(len(signals.head_signal)):
        head, pole = signals.head_xyz_m[row], signals.pole_xyz_m[row]
        heading = float(signals.head_heading_rad[row])
        lenses = lens_places(head, heading, int(signals.head_kind[row]))
        high = LENS_STEP_M * len(lenses) + 0.12
        ahead = np.array([np.cos(heading), np.sin(heading), 0.0])
        body = head - _BACK_M * ahead - [0.0, 0.0, 0.5 * high]
        _put(pile, HOUSING, box((0.2, 0.34, high), heading), body)
        for lens in lenses:
            _put(pile, dark, disc(LENS_M, 12, heading), lens - 0.012 * ahead)
        hood = np.array([[-0.14, 0.0], [0.14, 0.0]])
        for lens in lenses:
            _visor(pile, lens, heading, hood)
        away = float(np.hypot(*(head - pole)[:2]))
        top = pole + np.array([0.0, 0.0, max(float(head[2] - pole[2]), 2.5) + 0.5 * high])
        if tuple(pole) not in poles or away > 0.5:
            poles.add(tuple(pole))
            _put(pile, POST, prism(0.07 if away < 0.5 else 0.11, float(top[2] - pole[2]), 8), pole)
        arm = head - 2.2 * _BACK_M * ahead
        _put(pile, POST, beam([*top[:2], head[2]], arm, 0.09), np.zeros(3))


def _visor(pile: Pile, lens_m: Floats, heading_rad: float, hood: Floats) -> None:
    ahead = np.array([np.cos(heading_rad), np.sin(heading_rad), 0.0])
    right = np.array([-ahead[1], ahead[0], 0.0])
    ends = [lens_m + x * right + [0.0, 0.0, 0.12] - 0.02 * ahead for x in hood[:, 0]]
    corners = np.array([[ends[0], ends[1], ends[1] + 0.2 * ahead, ends[0] + 0.2 * ahead]])
    pile.add(HOUSING, *quads(corners))


def lens_places(head_m: Floats, heading_rad: float, kind: int) -> Floats:
    """Middles of the lenses of a head, from the top (red) down, (2 or 3, 3)."""
    count = 2 if kind == HeadKind.PEDESTRIAN else 3
    up = LENS_STEP_M * (0.5 * (count - 1) - np.arange(count))
    front = 0.0 * np.array([np.cos(heading_rad), np.sin(heading_rad), 0.0])
    return np.asarray(head_m + front + up[:, None] * np.array([0.0, 0.0, 1.0]))


def _signs(pile: Pile, network: RoadNetwork) -> None:
    signs = network.signs
    for row in range(len(signs)):
        code = SignCode(int(signs.code[row]))
        middle, heading = signs.xyz_m[row], float(signs.heading_rad[row])
        ahead = np.array([np.cos(heading), np.sin(heading), 0.0])
        sides = _SIDES.get(code, 20)
        turn = {8: np.pi / 8, 3: np.pi / 6}.get(sides, 0.0)
        size = 0.38 if sides == 8 else 0.46 if sides == 3 else 0.33
        face = sign_skin(code, round(float(signs.value[row]) * 3.6))
        _put(pile, face, disc(size, sides, heading, turn_rad=turn), middle + 0.02 * ahead)
        back = disc(size, sides, heading, turn_rad=turn)
        _put(pile, METAL, (back[0], back[1][:, ::-1].copy(), back[2]), middle - 0.01 * ahead)
        foot = middle - 0.04 * ahead
        tall = float(middle[2]) + 0.2
        _put(pile, METAL, prism(0.03, tall, 6), np.array([foot[0], foot[1], 0.0]))


@functools.lru_cache(maxsize=64)
def sign_skin(code: SignCode, number: int) -> Skin:
    """The face of a sign, painted here."""
    size = _SIGN_PX
    image = np.full((size, size, 3), 245, dtype=np.uint8)
    red, blue, black = (190, 20, 30), (20, 70, 170), (20, 20, 20)
    middle = (size // 2, size // 2)
    if code == SignCode.STOP:
        image[:] = red
        _letters(image, "STOP", (250, 250, 250), 0.98)
    elif code == SignCode.YIELD:
        image[:] = red
        angle = np.pi / 2 + 2.0 * np.pi * np.arange(3) / 3
        inner = np.stack([0.5 + 0.27 * np.cos(angle), 0.5 + 0.27 * np.sin(angle)], axis=1)
        cv2.fillPoly(image, [np.round(inner * size).astype(np.int32)], (250, 250, 250))
    elif code == SignCode.SPEED_LIMIT:
        cv2.circle(image, middle, size // 2 - 5, red, 11, cv2.LINE_AA)
        _letters(image, str(number), black, 1.35)
    elif code == SignCode.ROUNDABOUT:
        image[:] = blue
        cv2.circle(image, middle, size // 4, (250, 250, 250), 7, cv2.LINE_AA)
    elif code == SignCode.NO_ENTRY:
        image[:] = red
        cv2.rectangle(image, (14, size // 2 - 9), (size - 14, size // 2 + 9), (250,) * 3, -1)
    else:
        image[:] = blue
    material = Material(
        color=(1.0, 1.0, 1.0), texture=Texture(image), roughness=0.5, lidar_reflectivity=0.6,
        retro=60.0, radar=0.9,
    )  # fmt: skip
    return Skin(name=f"sign {code.name} {number}", material=material,
                semantic=SemanticClass.TRAFFIC_SIGN)  # fmt: skip


def _letters(
    image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
    text: str,
    color: tuple[int, int, int],
    scale: float,
) -> None:
    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, height), _ = cv2.getTextSize(text, font, scale, 3)
    place = ((image.shape[1] - width) // 2, (image.shape[0] + height) // 2)
    cv2.putText(image, text, place, font, scale, color, 3, cv2.LINE_AA)
