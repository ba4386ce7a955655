"""Masses, contacts and energies against mechanics: weight, work, friction."""

from __future__ import annotations

import numpy as np
import pytest

from fleetloop.agents.experts import EXPERTS
from fleetloop.agents.rollout import EpisodeList, rollout
from fleetloop.core.clock import TickRate
from fleetloop.core.dynamics import GROUND
from fleetloop.core.frames import Pose
from fleetloop.envs.bodies import Part, Substance
from fleetloop.envs.dynamics import DynamicsBook
from fleetloop.envs.registration import make_env
from fleetloop.envs.stage import Stage
from fleetloop.envs.trace.shapes import Box, Plane

GRAVITY = 9.80665
LANE, WALK = "fleetloop/LaneFollow-v0", "fleetloop/HumanoidWalk-v0"


class Nobody:
    """No robot: all bodies are taken as they are."""


class Tells(EpisodeList):
    """A list that takes dynamics."""


def driven(task, physics, steps, seed=3, **options):
    env = make_env(task, physics=physics, obs_mode="state", **options)
    kept = Tells()
    rollout(env, EXPERTS.get(task)(), seed, [kept], max_steps=steps)
    env.close()
    return kept.episode()


def block_on_floor(physics="full", mass_kg=3.0, friction=0.5, half_m=0.1, speed_m_s=0.0, **stuff):
    stage = Stage(TickRate(240), physics)
    stage.add("floor", Pose.identity(), parts=[Part(shape=Plane(), body_T_part=Pose.identity())],
              substance=Substance(friction=0.8))  # fmt: skip
    block = stage.add(
        "block", Pose.of(0.0, 0.0, half_m),
        parts=[Part(shape=Box((half_m,) * 3), body_T_part=Pose.identity())],
        substance=Substance(mass_kg=mass_kg, friction=friction, **stuff),
    )  # fmt: skip
    stage.world.set_com_velocity(block.body, np.array([speed_m_s, 0.0, 0.0]), np.zeros(3))
    return stage, DynamicsBook(stage, Nobody())


def test_a_block_at_rest_presses_with_its_weight():
    stage, book = block_on_floor()
    first = book.publish(0)
    assert first.complete
    assert first.names == ("floor", "block")
    assert first.mass_kg.tolist() == [0.0, 3.0]
    assert first.friction.tolist() == [0.8, 0.5]
    for _ in range(240):
        stage.world.step()
    told = book.publish(1)
    assert not told.complete
    assert told.names == ("block",)
    sign = np.where(told.contact_instance[:, 0] == told.instance_id[0], 1.0, -1.0)
    assert sign @ told.forces_n()[:, 2] == pytest.approx(3.0 * GRAVITY, rel=1e-3)
    assert told.contact_friction == pytest.approx(0.4)
    assert np.abs(told.contact_m[:, :2]) == pytest.approx(0.1, abs=0.02)
    assert told.potential_j[0] == pytest.approx(3.0 * GRAVITY * 0.1, rel=0.02)
    assert told.kinetic_j[0] == pytest.approx(0.0, abs=1e-6)
    stage.close()


def test_contacts_tell_exactly_the_forces_that_brake_a_block():
    """Newton's second law in each tick, Coulomb's at each point, and the work that is lost."""
    stage, book = block_on_floor(speed_m_s=3.0)
    body = stage.things["block"].body
    book.publish(0)
    mean_n = []
    for tick in range(1, 61):
        before, _ = stage.world.com_velocity(body)
        stage.world.step()
        after, _ = stage.world.com_velocity(body)
        told = book.publish(tick)
        sign = np.where(told.contact_instance[:, 0] == told.instance_id[0], 1.0, -1.0)
        force_n = sign @ told.forces_n() - [0.0, 0.0, 3.0 * GRAVITY]
        assert force_n == pytest.approx(3.0 * (after - before) * 240.0, abs=1e-6)
        slip_n = np.linalg.norm(told.contact_friction_n, axis=1)
        assert (slip_n <= 1.001 * told.contact_friction * told.contact_normal_n).all()
        mean_n.append(sign @ told.contact_friction_n[:, 0])
    assert np.mean(mean_n) == pytest.approx(-0.4 * 3.0 * GRAVITY, rel=0.03)
    left_m_s = 3.0 - 0.4 * GRAVITY * 60 / 240
    assert told.kinetic_j[0] == pytest.approx(0.5 * 3.0 * left_m_s**2, rel=0.03)
    stage.close()


def test_what_falls_keeps_its_energy():
    stage, book = block_on_floor()
    body = stage.things["block"].body
    stage.world.set_pose(body, Pose.of(0.0, 0.0, 5.0))
    stage.world.set_com_velocity(body, np.array([0.3, 0.1, 0.0]), np.array([2.0, -1.0, 0.5]))
    before = book.publish(0)
    inertia = 3.0 * 0.2**2 / 6.0
    spun_j = 0.5 * inertia * (4.0 + 1.0 + 0.25)
    assert before.kinetic_j[1] == pytest.approx(0.5 * 3.0 * 0.1 + spun_j, rel=1e-6)
    for _ in range(120):
        stage.world.step()
    after = book.publish(1)
    assert after.kinetic_j[0] > 20.0
    total = before.kinetic_j[1] + before.potential_j[1]
    assert after.kinetic_j[0] + after.potential_j[0] == pytest.approx(total, rel=5e-3)
    stage.close()


def test_without_an_engine_touch_has_no_force():
    stage, book = block_on_floor("fast")
    stage.add("wall", Pose.of(0.15, 0.0, 0.1),
              parts=[Part(shape=Box((0.1, 0.1, 0.1)), body_T_part=Pose.identity())])  # fmt: skip
    book = DynamicsBook(stage, Nobody())
    told = book.publish(0)
    assert told.contact_instance.tolist() == [[2, 3]]
    assert not told.contact_has_force.any()
    assert told.contact_normal[0].tolist() == pytest.approx([-1.0, 0.0, 0.0])
    stage.world.set_com_velocity(stage.things["block"].body, np.zeros(3), np.array([0.0, 0.0, 2.0]))
    (kinetic_j,) = book.publish(1).kinetic_j
    assert kinetic_j == pytest.approx(0.5 * (3.0 * 0.2**2 / 6.0) * 4.0)
    stage.close()


@pytest.mark.parametrize("physics", ["full", "fast"])
def test_wheels_bear_a_car_and_its_motor_drives_it(physics):
    episode = driven(LANE, physics, 25, rig="front64")
    records = episode.dynamics
    assert records[0].complete
    assert records[0].contacts == 0
    assert [r.t_ns for r in records] == [0, *(s.t_ns for s in episode.steps)]
    borne = []
    for record in records[1:]:
        row = record.row("robot")
        assert row is not None
        assert record.has_battery[row]
        assert record.contact_parts == ("wheel_fl", "wheel_fr", "wheel_rl", "wheel_rr")
        assert set(record.contact_instance[:, 1]) == {GROUND}
        assert record.contact_instance[:, 0].tolist() == [record.instance_id[row]] * 4
        slip = np.linalg.norm(record.contact_friction_n, axis=1)
        assert (slip <= record.contact_friction * record.contact_normal_n * (1 + 1e-9)).all()
        borne.append(record.contact_normal_n.sum() / (record.mass_kg[row] * GRAVITY))
    assert np.mean(borne) == pytest.approx(1.0, abs=0.01)
    last = records[-1]
    row = last.row("robot")
    speed = float(episode.steps[-1].truth["speed_m_s"])
    # Wheels turn with it: a few percent on top of the body's own.
    body_j = 0.5 * last.mass_kg[row] * speed**2
    assert body_j < last.kinetic_j[row] < 1.06 * body_j
    assert last.drawn_j[row] > last.kinetic_j[row] - records[0].kinetic_j[0]


def test_a_humanoid_is_borne_by_its_feet_and_its_energy_is_that_of_its_links():
    env = make_env(WALK, obs_mode="state")
    kept = Tells()
    rollout(env, EXPERTS.get(WALK)(), 1, [kept], max_steps=30)
    records = kept.episode().dynamics
    borne = []
    for record in records[1:]:
        row = record.row("robot")
        assert row is not None
        assert not record.has_battery[row]
        assert set(record.contact_parts) <= {"left_foot", "right_foot"}
        borne.append(record.forces_n()[:, 2].sum() / (record.mass_kg[row] * GRAVITY))
    assert np.mean(borne) == pytest.approx(1.0, abs=0.1)
    # By PyBullet's own inertias and link states.
    import pybullet as pb  # noqa: TID251 - the engine's own figures are the oracle

    client, body = env.stage.bullet.client, env.robot.body
    energy = 0.0
    for link in range(-1, pb.getNumJoints(body, physicsClientId=client)):
        info = pb.getDynamicsInfo(body, link, physicsClientId=client)
        if link < 0:
            _, turn = pb.getBasePositionAndOrientation(body, physicsClientId=client)
            linear, angular = pb.getBaseVelocity(body, physicsClientId=client)
        else:
            state = pb.getLinkState(body, link, computeLinkVelocity=1,
                                    computeForwardKinematics=1, physicsClientId=client)  # fmt: skip
            turn, linear, angular = state[1], state[6], state[7]
        matrix = np.array(pb.getMatrixFromQuaternion(turn)).reshape(3, 3)
        spin = matrix.T @ np.array(angular)
        energy += 0.5 * (info[0] * np.dot(linear, linear) + np.dot(info[2], spin**2))
    last = records[-1]
    assert last.kinetic_j[last.row("robot")] == pytest.approx(energy, rel=2e-3, abs=1e-3)
    env.close()


def test_without_an_engine_feet_bear_a_humanoid():
    records = driven(WALK, "fast", 20).dynamics
    for record in records[1:]:
        row = record.row("robot")
        assert record.contact_parts == ("left_foot", "right_foot")
        assert record.contact_has_force.all()
        assert record.contact_normal_n.sum() == pytest.approx(record.mass_kg[row] * GRAVITY)
        assert record.contact_m[:, 2] == pytest.approx(0.0)


def test_asking_for_it_changes_nothing_else():
    """Neither a pixel nor a pose: the digest is the same, and so are the records in two runs."""

    class Deaf:
        def begin(self, meta, schemas): ...
        def add_sample(self, sample): ...
        def add_objects(self, objects): ...
        def add_step(self, step): ...
        def end(self, outcome): ...

    env = make_env(LANE, rig="front64")
    policy = EXPERTS.get(LANE)()
    plain = rollout(env, policy, 5, [Deaf()], max_steps=4)
    assert not env.tells_dynamics
    runs = []
    for _ in range(2):
        kept = Tells()
        assert rollout(env, policy, 5, [kept], max_steps=4) == plain
        runs.append(kept.episode().dynamics)
    env.close()
    assert len(runs[0]) > 4
    gaps = np.diff([record.t_ns for record in runs[0]])
    assert gaps.min() > 0
    for one, two in zip(*runs, strict=True):
        assert one.t_ns == two.t_ns
        assert all(a.tobytes() == two.arrays()[n].tobytes() for n, a in one.arrays().items())
