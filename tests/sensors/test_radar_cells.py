"""Resolution cells: energy is kept, neighbours merge, strangers do not, order does not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.envs.sensors.radar_cells import Resolution, Scatterers, resolve

CELL = Resolution(1.0, 0.05, 0.1)
NOTHING = np.zeros(0)


def nothing_needed(range_m, azimuth_sine):
    return np.zeros_like(range_m)


def scatterers(rows) -> Scatterers:
    columns = np.array(rows, float).reshape(-1, 4).T
    return Scatterers(*columns, np.arange(len(rows)))


def plain_resolve(rows, limit):
    """The same in plain Python: sums over boxes of half a cell, then CLEAN."""
    size = 0.5 * np.array(CELL)
    boxes: dict[tuple[int, ...], list[int]] = {}
    for number, row in enumerate(rows):
        box = tuple(int(k) for k in np.floor(np.array(row[:3]) / size))
        boxes.setdefault(box, []).append(number)
    cells = []
    for members in boxes.values():
        energy = np.array([rows[k][3] for k in members])
        place = np.array([rows[k][:3] for k in members])
        strongest = max(members, key=lambda k: (rows[k][3], k))
        cells.append(((energy @ place) / energy.sum(), energy.sum(), strongest))
    cells.sort(key=lambda cell: (-cell[1], cell[2]))
    found = []
    while cells and len(found) < limit:
        seed = cells[0]
        near = [c for c in cells if (np.abs(c[0] - seed[0]) < np.array(CELL)).all()]
        cells = [c for c in cells if not any(c is n for n in near)]
        energy = np.array([c[1] for c in near])
        place = (energy @ np.array([c[0] for c in near])) / energy.sum()
        found.append((*place, energy.sum(), seed[2]))
    return np.array(found).reshape(-1, 5)


ECHO = st.tuples(
    st.floats(1.0, 30.0), st.floats(-0.5, 0.5), st.floats(-3.0, 3.0), st.floats(0.5, 100.0)
)


@given(st.lists(ECHO, min_size=1, max_size=40), st.integers(1, 40))
def test_loops_equal_plain_python(rows, limit):
    found = resolve(scatterers(rows), CELL, nothing_needed, limit)
    np.testing.assert_allclose(
        np.stack(found, axis=1), plain_resolve(rows, limit), rtol=1e-9, atol=1e-9
    )


@given(st.lists(ECHO, min_size=1, max_size=40))
def test_energy_is_neither_lost_nor_made(rows):
    found = resolve(scatterers(rows), CELL, nothing_needed, 1000)
    assert found.snr.sum() == pytest.approx(sum(row[3] for row in rows))
    for column, index in ((found.range_m, 0), (found.azimuth_sine, 1), (found.speed_m_s, 2)):
        mean = sum(row[index] * row[3] for row in rows)
        assert float((column * found.snr).sum()) == pytest.approx(mean, abs=1e-6)


@given(st.lists(ECHO, min_size=1, max_size=40))
def test_what_is_found_lies_within_a_cell_of_something_and_seeds_come_strongest_first(rows):
    found = resolve(scatterers(rows), CELL, nothing_needed, 1000)
    places = np.array([row[:3] for row in rows]) / CELL
    for echo in np.stack(found[:3], axis=1) / CELL:
        assert (np.abs(places - echo).max(axis=1) < 1.5).any()
    assert len(found.snr) <= len(rows)


@given(st.lists(ECHO, min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_echoes_does_not_matter(rows, shuffler):
    shuffled = list(rows)
    shuffler.shuffle(shuffled)
    one = resolve(scatterers(rows), CELL, nothing_needed, 1000)
    other = resolve(scatterers(shuffled), CELL, nothing_needed, 1000)
    if len({row[3] for row in rows}) == len(rows):
        np.testing.assert_allclose(np.sort(one.range_m), np.sort(other.range_m))


@pytest.mark.parametrize("axis", range(3))
def test_a_cell_apart_is_apart_and_nearer_is_one(axis):
    for gap, count in ((0.99, 1), (1.01, 2)):
        second = [10.0, 0.01, 0.02, 5.0]
        second[axis] += gap * CELL[axis]
        found = resolve(scatterers([[10.0, 0.01, 0.02, 9.0], second]), CELL, nothing_needed, 10)
        assert len(found.snr) == count


def test_a_merged_echo_lies_at_the_mean_by_energy_and_is_labelled_by_the_strongest():
    found = resolve(
        scatterers([[10.0, 0.0, 0.0, 1.0], [10.4, 0.0, 0.0, 3.0]]), CELL, nothing_needed, 10
    )
    assert found.range_m[0] == pytest.approx(10.3)
    assert found.ray[0] == 1


def test_the_limit_keeps_the_strongest_seeds():
    rows = [[5.0 * k, 0.0, 0.0, float(k)] for k in range(1, 9)]
    found = resolve(scatterers(rows), CELL, nothing_needed, 3)
    np.testing.assert_allclose(found.snr, [8.0, 7.0, 6.0])


def test_nothing_gives_nothing():
    empty = Scatterers(NOTHING, NOTHING, NOTHING, NOTHING, np.zeros(0, np.int64))
    found = resolve(empty, CELL, nothing_needed, 10)
    assert all(len(column) == 0 for column in found)
