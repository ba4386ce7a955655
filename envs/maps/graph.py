"""The lane graph: what follows what, and which lanes can all reach each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]


def ragged(groups: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    """Offsets (n + 1,) and flat entries of lists."""
    begin = np.zeros(len(groups) + 1, dtype=np.int32)
    begin[1:] = np.cumsum([len(group) for group in groups])
    return begin, np.array([entry for group in groups for entry in group], dtype=np.int32)


def strong_parts(edges: Sequence[Sequence[int]]) -> Ints:
    """Number of the strongly connected part of each node (Tarjan 1972), without recursion.

    Args:
        edges: Targets of each node.

    Returns:
        (n,) labels; nodes share one if and only if each reaches the other.
    """
    count = len(edges)
    label = np.full(count, -1, dtype=np.int32)
    order, low = [-1] * count, [0] * count
    stack: list[int] = []
    on_stack = [False] * count
    step, parts = 0, 0
    for root in range(count):
        if order[root] >= 0:
            continue
        walk = [(root, 0)]
        while walk:
            node, position = walk.pop()
            if position == 0:
                order[node] = low[node] = step
                step += 1
                stack.append(node)
                on_stack[node] = True
            for index in range(position, len(edges[node])):
                target = edges[node][index]
                if order[target] < 0:
                    walk.extend(((node, index + 1), (target, 0)))
                    break
                if on_stack[target]:
                    low[node] = min(low[node], low[target])
            else:
                if low[node] == order[node]:
                    while True:
                        member = stack.pop()
                        on_stack[member] = False
                        label[member] = parts
                        if member == node:
                            break
                    parts += 1
                if walk:
                    parent = walk[-1][0]
                    low[parent] = min(low[parent], low[node])
    return label


def largest_part(label: Ints, weight: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Members of the part with the greatest weight; the smallest label wins a tie."""
    if len(label) == 0:
        return np.zeros(0, dtype=np.bool_)
    total = np.bincount(label, weights=weight)
    return np.asarray(label == int(np.argmax(total)))
