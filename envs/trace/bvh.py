"""Bounding volume hierarchies over the triangles of a mesh, built once per mesh.

Binary trees by the surface area heuristic over 16 bins [Wald 2007, "On fast construction of
SAH-based bounding volume hierarchies"]; nodes lie depth first, so a left child follows its parent.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fleetloop.envs.trace.jit import inline, kernel
from fleetloop.envs.trace.layout import COUNT, LINK, SPLIT_AXIS

_LEAF_TRIANGLES = 4
_BINS = 16
# Depth of the stacks of all walks; a binned tree over 2^31 triangles stays below it.
MAX_DEPTH = 64


class Hierarchy(NamedTuple):
    """A tree over triangles.

    Attributes:
        nodes: (nodes, 6) centre and half extents.
        links: (nodes, 4) see `layout.LINK`, `COUNT`, `SPLIT_AXIS`.
        order: (triangles,) the triangles in the order of the leaves.
    """

    nodes: npt.NDArray[np.float32]
    links: npt.NDArray[np.int32]
    order: npt.NDArray[np.int32]


def build(vertices: npt.NDArray[np.float32], triangles: npt.NDArray[np.int32]) -> Hierarchy:
    """Builds the tree of a mesh.

    Args:
        vertices: (n, 3).
        triangles: (m, 3) rows of `vertices`, m >= 1.
    """
    corners = vertices[triangles]
    low = np.ascontiguousarray(corners.min(axis=1))
    high = np.ascontiguousarray(corners.max(axis=1))
    nodes = np.zeros((2 * len(triangles), 6), np.float32)
    links = np.zeros((2 * len(triangles), 4), np.int32)
    order = np.arange(len(triangles), dtype=np.int32)
    count = _build(low, high, order, nodes, links)
    return Hierarchy(nodes[:count].copy(), links[:count].copy(), order)


@kernel
def _build(
    low: npt.NDArray[np.float32],
    high: npt.NDArray[np.float32],
    order: npt.NDArray[np.int32],
    nodes: npt.NDArray[np.float32],
    links: npt.NDArray[np.int32],
) -> int:
    # A stack of (begin, end, parent, depth); the left child is pushed last, so it comes next.
    stack = np.empty((2 * MAX_DEPTH, 4), np.int64)
    stack[0, 0] = 0
    stack[0, 1] = len(order)
    stack[0, 2] = -1
    stack[0, 3] = 0
    waiting = 1
    count = 0
    box = np.empty(6, np.float32)
    while waiting > 0:
        waiting -= 1
        begin, end, parent, depth = stack[waiting]
        node = count
        count += 1
        if parent >= 0:
            links[parent, LINK] = node
        _bound(low, high, order, begin, end, box)
        for k in range(3):
            nodes[node, k] = (box[k] + box[3 + k]) * np.float32(0.5)
            half = max(box[3 + k] - nodes[node, k], nodes[node, k] - box[k])
            # Outwards by more than one rounding, so that no triangle sticks out.
            nodes[node, 3 + k] = half * np.float32(1.000001) + np.float32(1e-9)
        middle = -1
        if end - begin > _LEAF_TRIANGLES:
            middle = _split(low, high, order, begin, end, depth, links, node)
        if middle < 0:
            links[node, LINK] = begin
            links[node, COUNT] = end - begin
            continue
        stack[waiting, 0] = middle
        stack[waiting, 1] = end
        stack[waiting, 2] = node
        stack[waiting, 3] = depth + 1
        stack[waiting + 1, 0] = begin
        stack[waiting + 1, 1] = middle
        stack[waiting + 1, 2] = -1
        stack[waiting + 1, 3] = depth + 1
        waiting += 2
    return count


@inline
def _bound(low, high, order, begin, end, box):
    for k in range(3):
        box[k] = np.float32(np.inf)
        box[3 + k] = np.float32(-np.inf)
    for i in range(begin, end):
        for k in range(3):
            box[k] = min(box[k], low[order[i], k])
            box[3 + k] = max(box[3 + k], high[order[i], k])


@inline
def _split(low, high, order, begin, end, depth, links, node):
    """Sorts order[begin:end] into two parts and returns where the second begins, -1 for a leaf."""
    best_cost = np.float32(np.inf)
    best_axis = -1
    best_bin = 0
    for axis in range(3):
        start, scale = _centroid_range(low, high, order, begin, end, axis)
        if scale > np.float32(0.0):
            cost, at = _best_bin(low, high, order, begin, end, axis, start, scale)
            if cost < best_cost:
                best_cost = cost
                best_axis = axis
                best_bin = at
    if best_axis < 0 or depth > MAX_DEPTH // 2:
        # Centroids coincide (or the tree is degenerate): halves keep the depth logarithmic.
        links[node, SPLIT_AXIS] = 0
        return (begin + end) // 2
    start, scale = _centroid_range(low, high, order, begin, end, best_axis)
    i = begin
    j = end - 1
    while i <= j:
        if _bin_of(low, high, order[i], best_axis, start, scale) <= best_bin:
            i += 1
        else:
            order[i], order[j] = order[j], order[i]
            j -= 1
    links[node, SPLIT_AXIS] = best_axis
    return i


@inline
def _centroid_range(low, high, order, begin, end, axis):
    first = np.float32(np.inf)
    last = np.float32(-np.inf)
    for i in range(begin, end):
        center = low[order[i], axis] + high[order[i], axis]
        first = min(first, center)
        last = max(last, center)
    if not last > first:
        return first, np.float32(0.0)
    return first, np.float32(_BINS) * np.float32(0.9999) / (last - first)


@inline
def _bin_of(low, high, triangle, axis, start, scale):
    return int((low[triangle, axis] + high[triangle, axis] - start) * scale)


@inline
def _best_bin(low, high, order, begin, end, axis, start, scale):
    """Cheapest border between bins along an axis: area x count, summed over both sides."""
    counts = np.zeros(_BINS, np.int64)
    boxes = np.empty((_BINS, 6), np.float32)
    boxes[:, :3] = np.float32(np.inf)
    boxes[:, 3:] = np.float32(-np.inf)
    for i in range(begin, end):
        triangle = order[i]
        b = _bin_of(low, high, triangle, axis, start, scale)
        counts[b] += 1
        for k in range(3):
            boxes[b, k] = min(boxes[b, k], low[triangle, k])
            boxes[b, 3 + k] = max(boxes[b, 3 + k], high[triangle, k])
    right_cost = np.zeros(_BINS, np.float32)
    _sweep(counts, boxes, right_cost, True)
    left_cost = np.zeros(_BINS, np.float32)
    _sweep(counts, boxes, left_cost, False)
    best = np.float32(np.inf)
    at = 0
    for b in range(_BINS - 1):
        # Border after bin b; both ends hold centroids, so some border has two full sides.
        if left_cost[b] > np.float32(0.0) and right_cost[b + 1] > np.float32(0.0):
            cost = left_cost[b] + right_cost[b + 1]
            if cost < best:
                best = cost
                at = b
    return best, at


@inline
def _sweep(counts, boxes, cost, from_right):
    box = np.empty(6, np.float32)
    box[:3] = np.float32(np.inf)
    box[3:] = np.float32(-np.inf)
    total = 0
    for step in range(_BINS):
        b = _BINS - 1 - step if from_right else step
        if counts[b] > 0:
            total += counts[b]
            for k in range(3):
                box[k] = min(box[k], boxes[b, k])
                box[3 + k] = max(box[3 + k], boxes[b, 3 + k])
        if total > 0:
            x = box[3] - box[0]
            y = box[4] - box[1]
            z = box[5] - box[2]
            # Flat boxes have no area along two axes; the count keeps the cost above zero.
            area = x * y + y * z + z * x + np.float32(1e-12)
            cost[b] = area * np.float32(total)
