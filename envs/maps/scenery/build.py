"""All of a map's scenery, made once for a network and shared by all worlds of the process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from fleetloop.core.semantics import SemanticClass
from fleetloop.envs.maps.network import RoadNetwork
from fleetloop.envs.maps.scenery.furniture import pile_furniture
from fleetloop.envs.maps.scenery.ground import LAWN_M, pile_ground
from fleetloop.envs.maps.scenery.houses import pile_houses
from fleetloop.envs.maps.scenery.marks import pile_marks
from fleetloop.envs.maps.scenery.pile import Pile, ScenePiece
from fleetloop.envs.maps.scenery.plants import pile_plants
from fleetloop.envs.trace.material_presets import MATERIALS
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Plane

_KEPT = 8
FIRST_ID = 1_000_000
"""Instance id of the lawn; pieces of scenery follow."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scenery:
    """What stands still in a map.

    Attributes:
        pieces: Meshes in world coordinates.
    """

    pieces: tuple[ScenePiece, ...]

    @property
    def triangle_count(self) -> int:
        """Of all pieces."""
        return sum(len(piece.mesh.triangles) for piece in self.pieces)


@lru_cache(maxsize=_KEPT)
def scenery_of(network: RoadNetwork) -> Scenery:
    """Makes the scenery of a network, or returns what was made before.

    Networks are told apart by identity: `load.open_map` gives the same one for the same config.
    """
    pile = Pile()
    pile_ground(pile, network)
    pile_marks(pile, network)
    pile_houses(pile, network)
    pile_plants(pile, network)
    pile_furniture(pile, network)
    pieces = tuple(pile.pieces())
    for piece in pieces:
        # Built now, so that no reset pays for it.
        _ = piece.mesh.hierarchy
    return Scenery(pieces=pieces)


def filled_scene(network: RoadNetwork) -> Scene:
    """A new scene with the lawn and all scenery: a copy of one that is made once for a network."""
    return _filled(network).copy()


@lru_cache(maxsize=_KEPT)
def _filled(network: RoadNetwork) -> Scene:
    scene = Scene()
    fill_scene(scene, network)
    return scene


def fill_scene(scene: Scene, network: RoadNetwork) -> None:
    """Adds the lawn and all scenery to a scene.

    Call it first, before things that differ from episode to episode: then all episodes share the
    meshes' arrays as far as they hold the same meshes. Instance ids count from `FIRST_ID`, above
    those of things that are labelled one by one.
    """
    scene.add(Plane(), (0.0, 0.0, LAWN_M), material=MATERIALS.get("grass"),
              semantic=int(SemanticClass.TERRAIN), instance_id=FIRST_ID)  # fmt: skip
    for number, piece in enumerate(scenery_of(network).pieces):
        scene.add(piece.mesh, material=piece.material, semantic=int(piece.semantic),
                  instance_id=FIRST_ID + 1 + number)  # fmt: skip
