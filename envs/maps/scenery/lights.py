"""What signal heads show: one lit lens a head, moved and coloured as the phases change.

The dark lenses are part of the scenery; a lit one lies a centimetre before its dark one. A head
that shows nothing has its lens far below the ground.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.maps.kinds import HeadKind, SignalState
from fleetloop.envs.maps.network import RoadNetwork, Signals
from fleetloop.envs.maps.scenery.furniture import LENS_M, lens_places
from fleetloop.envs.maps.signals import states_at
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Cylinder

FIRST_ID = 2_000_000
"""Instance id of the first lens."""

_HIDDEN_Z_M = -50.0
_BEFORE_M = 0.01
_FLASH_S = 0.5
_COLORS = {"red": (0.95, 0.05, 0.03), "amber": (0.95, 0.55, 0.03), "green": (0.05, 0.85, 0.45)}
_PLACE = {"red": 0, "amber": 1, "green": 2}
_SHOWN = {
    SignalState.RED: "red",
    SignalState.RED_AMBER: "amber",
    SignalState.AMBER: "amber",
    SignalState.FLASHING_AMBER: "amber",
    SignalState.GREEN: "green",
    SignalState.GREEN_YIELD: "green",
}


class SignalLights:
    """The lit lenses of a map in one scene.

    Args:
        scene: Gets a shape for each head.
        network: The map.
    """

    def __init__(self, scene: Scene, network: RoadNetwork) -> None:
        self._scene = scene
        self._signals = network.signals
        self._materials = {name: scene.materials.add(_lit(name)) for name in _COLORS}
        lens = Cylinder(LENS_M, 0.008)
        self._quaternions = _facing(self._signals.head_heading_rad)
        self._handles = [
            scene.add(lens, (0.0, 0.0, _HIDDEN_Z_M), self._quaternions[row],
                      material=self._materials["red"], instance_id=FIRST_ID + row,
                      semantic=int(SemanticClass.TRAFFIC_LIGHT))
            for row in range(len(self._signals.head_signal))
        ]  # fmt: skip
        self._shown: list[str] = ["?"] * len(self._handles)
        # What the heads showed last, and whether flashes were on.
        self._last: tuple[npt.NDArray[np.uint8], bool] | None = None

    def show(self, t_s: float) -> None:
        """Shows what the signals show at a simulated time; only heads that change are touched."""
        signals = self._signals
        if not self._handles:
            return
        states = states_at(signals, t_s)[signals.head_signal, signals.head_index]
        flash = int(t_s / _FLASH_S) % 2 == 0
        if (
            self._last is not None
            and self._last[1] == flash
            and np.array_equal(self._last[0], states)
        ):
            return
        self._last = (states, flash)
        changed = []
        for row, state in enumerate(states):
            name = shown(int(state), int(signals.head_kind[row]), t_s)
            if name != self._shown[row]:
                self._shown[row] = name
                changed.append(row)
                if name:
                    self._scene.set_material(self._handles[row], self._materials[name])
        if changed:
            places = np.array([_place(signals, row, self._shown[row]) for row in changed])
            self._scene.set_poses([self._handles[row] for row in changed], places,
                                  self._quaternions[changed])  # fmt: skip


def shown(state: int, kind: int, t_s: float) -> str:
    """Which lens of a head is lit: `red`, `amber`, `green`, or none as an empty text.

    Heads for people have no amber: they show red while those on the crossing clear it.
    """
    name = _SHOWN.get(SignalState(state), "")
    if state == SignalState.FLASHING_AMBER and int(t_s / _FLASH_S) % 2:
        return ""
    return "red" if kind == HeadKind.PEDESTRIAN and name == "amber" else name


def _place(signals: Signals, row: int, name: str) -> npt.NDArray[np.float64]:
    head, heading = signals.head_xyz_m[row], float(signals.head_heading_rad[row])
    if not name:
        return np.array([head[0], head[1], _HIDDEN_Z_M])
    lenses = lens_places(head, heading, int(signals.head_kind[row]))
    ahead = np.array([np.cos(heading), np.sin(heading), 0.0])
    return np.asarray(lenses[min(_PLACE[name], len(lenses) - 1)] + _BEFORE_M * ahead)


def _lit(name: str) -> Material:
    red, green, blue = _COLORS[name]
    glow = (0.9 * red, 0.9 * green, 0.9 * blue)
    return replace(MATERIALS.get("lamp"), color=_COLORS[name], emission=glow)


def _facing(heading_rad: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Quaternions xyzw that turn a cylinder's axis (z) to level headings: yaw after pitch by 90."""
    half = 0.5 * heading_rad
    root = np.sqrt(0.5)
    return np.stack([-root * np.sin(half), root * np.cos(half), root * np.sin(half),
                     root * np.cos(half)], axis=1)  # fmt: skip
