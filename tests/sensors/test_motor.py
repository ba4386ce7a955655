import numpy as np
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.envs.sensors.base import Fault
from fleetloop.envs.sensors.motor import DRIVE_12_BIT, Motor, MotorConfig
from fleetloop.envs.sensors.noise import ChannelErrors


def at(body_capture, t_s=0.0, angle=0.0, torque=0.0, **rest):
    return body_capture(t_s, joints={"joint": (angle, 0.0, torque)}, **rest)


def test_a_clean_drive_tells_the_torque_by_its_constants(body_capture, record):
    config = MotorConfig(name="motor", errors=ChannelErrors(), ripple_a=0.0)
    data = record(Motor(config), [at(body_capture, torque=12.0)])
    assert data["current_a"][0, 0] == pytest.approx(12.0 / (0.1 * 50 * 0.8))
    assert data["torque_nm"][0, 0] == pytest.approx(12.0)


def test_cogging_passes_the_slots_in_a_turn_of_the_rotor(body_capture, record):
    config = MotorConfig(
        name="motor", errors=ChannelErrors(), ripple_a=0.2, ripple_per_turn=6, gear_ratio=10.0
    )
    turn = 2 * np.pi / 10.0
    angles = np.arange(240) / 240 * turn
    data = record(Motor(config), [at(body_capture, 0.01 * i, a) for i, a in enumerate(angles)])
    spectrum = np.abs(np.fft.rfft(data["current_a"][:, 0])) / 120
    assert np.argmax(spectrum) == 6
    assert spectrum[6] == pytest.approx(0.2, rel=1e-3)


def test_current_comes_in_steps_of_the_converter_within_its_range(body_capture, record):
    config = MotorConfig(name="motor")
    data = record(Motor(config), [at(body_capture, 0.01 * i, torque=i) for i in range(400)])
    current = data["current_a"].astype(float)
    assert current.max() == 40.0
    steps = current / DRIVE_12_BIT.lsb_u
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
    np.testing.assert_allclose(data["torque_nm"], current * 4.0, rtol=1e-6)


def test_bias_jump(body_capture, record):
    motor = Motor(MotorConfig(name="motor"))
    clean = record(motor, [at(body_capture)])
    faulty = record(motor, [at(body_capture, faults=[Fault(kind="bias_jump")])])
    jump = np.abs(faulty["current_a"] - clean["current_a"])
    np.testing.assert_allclose(jump, 1.0, atol=1.01 * DRIVE_12_BIT.lsb_u)


@pytest.mark.parametrize(
    "wrong", [{"gear_ratio": 0.0}, {"gear_efficiency": 1.5}, {"ripple_a": -1.0}, {"joints": ()}]
)
def test_impossible_motors_are_refused(wrong):
    with pytest.raises(ConfigError):
        MotorConfig(name="motor", **wrong)
