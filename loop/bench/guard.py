"""Catches a kernel that has lost its vector instructions.

A rewritten line can cost a packet loop its vectors (a constant of float64, an index that may be
negative, two arrays that may overlap), and then it is 3 to 15 times slower and still right. So each
stage of the tracer is timed twice in processes of their own, as it is and with LLVM's vectorisers
switched off: a stage that gains nothing from them has lost them. No time is compared with a number
from another machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fleetloop.envs.trace.layout import SEE_THROUGH, GBuffer
from fleetloop.envs.trace.look import looking_at
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.occlusion import sun_shadow
from fleetloop.envs.trace.picture import paint
from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Capsule, Cylinder, Mesh, Plane, Shape, Sphere
from fleetloop.envs.trace.spots import NO_SPOTS
from fleetloop.envs.trace.texture import Texture
from fleetloop.envs.trace.tracer import place_and_see, prepare
from fleetloop.envs.trace.view import View
from fleetloop.envs.trace.visibility import visibility

_OFF = {"NUMBA_LOOP_VECTORIZE": "0", "NUMBA_SLP_VECTORIZE": "0"}
NEEDED_GAIN = 1.8
"""Between a stage without vectors (1) and the healthy ones (2.9 to 7.2 with AVX-512)."""
_REPEATS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What vectors bring to one stage.

    Attributes:
        stage: Its name.
        us: As it is, microseconds.
        scalar_us: Without vectors.
    """

    stage: str
    us: float
    scalar_us: float

    @property
    def gain(self) -> float:
        """How many times quicker."""
        return self.scalar_us / self.us

    @property
    def healthy(self) -> bool:
        """Whether the stage has its vectors."""
        return self.gain >= NEEDED_GAIN


def gains() -> list[Gain]:
    """Measures all stages with and without vectors; compiles everything once more for that."""
    with tempfile.TemporaryDirectory() as folder:
        plain = _in_process({})
        scalar = _in_process({**_OFF, "FLEETLOOP_CACHE_DIR": folder})
    return [Gain(stage=name, us=plain[name], scalar_us=scalar[name]) for name in plain]


def _in_process(environment: dict[str, str]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "fleetloop.loop.bench.guard"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    times: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return times


def stages() -> dict[str, Callable[[], object]]:
    """A call for each stage, on scenes of one kind of shape each."""
    calls: dict[str, Callable[[], object]] = {}
    for name, shape in _shapes().items():
        scene = Scene()
        for x in range(8):
            for y in range(8):
                # Everything in sight, nothing hidden: each packet tests several shapes.
                scene.add(shape, (4.0 + 0.1 * x, 0.6 * y - 2.1, 0.6 * x - 2.1), (0.1, 0.2, 0.3, 1))
        calls |= _calls(name, scene)
    ground = Scene()
    squares = np.indices((64, 64)).sum(axis=0)[..., None] % 2 * np.full(3, 255)
    look = Material(texture=Texture(squares.astype(np.uint8)))
    ground.add(Plane(), (0.0, 0.0, -1.0), material=look)
    calls["shade: sky and texture"] = _calls("ground", ground, shading=True)["shade: ground"]
    return calls


def _shapes() -> dict[str, Shape]:
    corners = np.array([[-0.3, -0.3, 0.0], [0.3, -0.3, 0.0], [0.3, 0.3, 0.1], [-0.3, 0.3, 0.1]])
    return {
        "box": Box((0.25, 0.2, 0.3)),
        "sphere": Sphere(0.3),
        "cylinder": Cylinder(0.25, 0.3),
        "capsule": Capsule(0.2, 0.2),
        "mesh": Mesh(corners, np.array([[0, 1, 2], [0, 2, 3]])),
    }


def _calls(name: str, scene: Scene, *, shading: bool = False) -> dict[str, Callable[[], object]]:
    origin = np.array([-1.0, 0.0, 0.5])
    view = View(
        rays=RayGrid(pinhole_directions(128, 96, 100.0, 100.0, 63.5, 47.5)),
        position_m=origin,
        rotation=looking_at(origin, np.array([4.0, 0.0, 0.0])),
        outputs=frozenset({"rgb"}),
    )
    frame, chunk = prepare(scene, view), view.rays.chunks[0]
    instances, seen = place_and_see(frame, chunk)
    painter = frame.painter
    assert painter is not None, "a view that wants rgb has a painter"
    if shading:
        run = (painter, chunk.arrays, chunk.slots, instances, frame.meshes, seen)
        return {f"shade: {name}": lambda: paint(*run)}
    wanted = (seen.instance >= 0).astype(np.uint8)
    shadow = np.empty_like(wanted)
    far = np.full_like(seen.t, view.t_max_m)
    found = GBuffer(far.copy(), seen.instance.copy(), seen.primitive.copy())
    sun, up = painter.light.sun[chunk.slots], painter.light.up[chunk.slots]

    def see() -> None:
        found.t[:] = far
        visibility(chunk.arrays, instances, frame.meshes, frame.t_min, SEE_THROUGH, NO_SPOTS, found)

    calls: dict[str, Callable[[], object]] = {f"see: {name}": see}
    if name != "mesh":  # whose shadows are walked ray by ray
        calls[f"shadow: {name}"] = lambda: sun_shadow(
            chunk.arrays, instances, frame.meshes, seen, sun, up, wanted, SEE_THROUGH, shadow
        )
    return calls


def main() -> None:
    """Prints the time of each stage in microseconds, as JSON."""
    times = {}
    for name, call in stages().items():
        call()
        best = float("inf")
        for _ in range(_REPEATS):
            began = time.process_time()
            call()
            best = min(best, time.process_time() - began)
        times[name] = best * 1e6
    sys.stdout.write(json.dumps(times) + "\n")


if __name__ == "__main__":
    main()
