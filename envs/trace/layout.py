"""The arrays that all stages of the tracer share: constants, column numbers and named bundles.

The *ray frame* of a time slot has the axes of the sensor (camera optical axes, or x forward for
range sensors) and its origin at the sensor. A point on a ray is `t * direction`, so the directions
of a `RayGrid` are used as they are, without a rotation per ray: instead each instance is placed in
the ray frame, once per slot, in float64, and only then becomes float32. World axes are reached by
`View.rotation[slot] @ point`.

A *tile* is a packet of `LANES` rays with one origin and one time. A *G-buffer* holds, for each lane
of a list of tiles, how far the ray went and what it met.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

LANES = 128

# Kinds of shapes (`IntColumn.KIND`).
PLANE = 0
BOX = 1
SPHERE = 2
CYLINDER = 3
CAPSULE = 4
MESH = 5

# Float columns of the instance table, (tables, rows, ICOLS) float32; a table belongs to a slot.
ICOLS = 32
ROTATION = 0  # 9 numbers, row-major: ray frame -> local
ORIGIN = 9  # 3: the ray origin in local coordinates
DIMS = 12  # 3: box half extents | radius | radius, half length
CENTER = 15  # 3: centre of the bounding sphere in the ray frame
RADIUS = 18  # 1: its radius, FAR for planes

# Integer columns of the rows, (rows, JCOLS) int32; the same for all slots.
JCOLS = 8
KIND = 0
MESH_INDEX = 1  # row of MeshArrays.meta, -1 for analytic shapes
MATERIAL = 2  # row of the material table
INSTANCE_ID = 3  # public id, > 0
SEMANTIC = 4  # class, 0..255
FLAGS = 5

# Bits of FLAGS.
SEE_THROUGH = 1  # alpha < 0.5: depth and ids look through it
BLENDED = 2  # alpha < 1: RGB composites it
RASTERED = 4  # set within a chunk: the rasteriser draws it, the packets pass it by

# Columns of a tile's (or block's) bounds, (tiles, PCOLS) float32, in the ray frame.
PCOLS = 32
# 0..11: outward normals of the four side planes; a point p is outside if normal . p > 0.
AXIS = 12  # 3: mean direction, or zero (as the normals) if the rays are too far apart
AXIS_REACH = 15  # the largest direction . axis: a lower bound of t is (p . axis) / reach
NORM_REACH = 16  # the largest length of a direction: another one is |p| / reach
CORNERS = 17  # 12: directions of the pyramid's four edges, or zero as the normals

# Columns of MeshArrays.meta, int32.
MCOLS = 8
VERTEX_BEGIN = 0
VERTEX_COUNT = 1
TRIANGLE_BEGIN = 2
TRIANGLE_COUNT = 3
NODE_BEGIN = 4
MESH_FLAGS = 5

# Bits of MESH_FLAGS.
HAS_UV = 1
HAS_NORMALS = 2  # vertex normals, for smooth shading
CLOSED = 4  # watertight with normals outwards: only front faces are seen

# Columns of MeshArrays.links, int32.
LINK = 0  # inner node: its right child (the left one follows at +1); leaf: its first triangle
COUNT = 1  # triangles of a leaf, 0 for an inner node
SPLIT_AXIS = 2

# Larger than any scene and still finite, so that no infinity minus infinity arises.
FAR = np.float32(1e30)


class MeshArrays(NamedTuple):
    """All meshes of a scene, end to end. Triangles lie in the order of the leaves of their BVH."""

    meta: npt.NDArray[np.int32]  # (meshes, MCOLS)
    corners: npt.NDArray[np.float32]  # (triangles, 9): three corners, local
    triangles: npt.NDArray[np.int32]  # (triangles, 3): rows of `vertices`
    vertices: npt.NDArray[np.float32]  # (vertices, 3)
    normals: npt.NDArray[np.float32]  # (vertices, 3), zeros where the mesh has none
    uv: npt.NDArray[np.float32]  # (vertices, 2), zeros where the mesh has none
    nodes: npt.NDArray[np.float32]  # (nodes, 6): centre and half extents
    links: npt.NDArray[np.int32]  # (nodes, 4)


class InstanceArrays(NamedTuple):
    """What the scene holds, seen from the slots of a chunk of tiles."""

    table: npt.NDArray[np.float32]  # (tables, rows, ICOLS)
    rows: npt.NDArray[np.int32]  # (rows, JCOLS)


class TileArrays(NamedTuple):
    """A list of tiles to trace; entry k of the G-buffer belongs to `tiles[k]`."""

    tiles: npt.NDArray[np.int32]  # (k,): rows of the arrays of the grid below
    table_of_tile: npt.NDArray[np.int32]  # (k,): which table of InstanceArrays holds its slot
    directions: npt.NDArray[np.float32]  # (grid tiles, 3, LANES)
    bounds: npt.NDArray[np.float32]  # (grid tiles, PCOLS)
    block_of_tile: npt.NDArray[np.int32]  # (grid tiles,): neighbours are culled together
    block_bounds: npt.NDArray[np.float32]  # (blocks, PCOLS)


class GBuffer(NamedTuple):
    """What each ray met."""

    t: npt.NDArray[np.float32]  # (k, LANES): hit point = t * direction; t_max without a hit
    instance: npt.NDArray[np.int32]  # (k, LANES): row of the instance table, -1 without a hit
    primitive: npt.NDArray[np.int32]  # (k, LANES): row of MeshArrays.triangles, 0 if analytic


class PixelTiles(NamedTuple):
    """Which lane a pixel is, for the rectangle of a chunk under a pinhole grid."""

    camera: npt.NDArray[np.float32]  # (4,): fx, fy, cx, cy
    rectangle: npt.NDArray[np.int32]  # (4,): row begin, row end, column begin, column end
    shape: npt.NDArray[np.int32]  # (3,): tile height and width as powers of two, first tile
    tile: npt.NDArray[np.int32]  # (tile rows, tile columns) of the grid: its tile
