import numpy as np
import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.envs.sensors.contact import FSR_PAD, Contact, ContactConfig
from fleetloop.envs.sensors.noise import ChannelErrors


def pad(**changes):
    return Contact(ContactConfig(name="foot", errors=ChannelErrors(), **changes))


def presses(body_capture, forces, dt_s=0.01):
    return [body_capture(dt_s * i, force=(3.0, 0.0, f)) for i, f in enumerate(forces)]


def test_it_feels_the_force_along_its_normal_only(body_capture, record):
    pose = Pose.of(roll_rad=0.5)
    along = 80.0 * np.cos(0.5)
    data = record(pad(), [body_capture(pose=pose, force=(50.0, 0.0, 80.0))])
    assert data["normal_force_n"][0] == pytest.approx(along)


def test_pulling_is_no_contact(body_capture, record):
    data = record(pad(), presses(body_capture, [-100.0]))
    assert data["normal_force_n"][0] == 0.0
    assert not data["contact"][0]


def test_hysteresis(body_capture, record):
    forces = [0, 7, 9.9, 10, 7, 5, 4.9, 7, 12]
    data = record(pad(close_n=10.0, open_n=5.0), presses(body_capture, forces))
    assert data["contact"].tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 1]


def test_debounce_waits_for_its_time_and_starts_again_after_a_break(body_capture, record):
    on, off = 20.0, 0.0
    forces = [off, on, on, off, on, on, on, on, off, off, on, off, off, off, off]
    data = record(pad(debounce_s=0.03), presses(body_capture, forces))
    expected = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0]
    assert data["contact"].tolist() == expected


def test_the_first_capture_decides_at_once(body_capture, record):
    data = record(pad(debounce_s=1.0), presses(body_capture, [50.0]))
    assert data["contact"].tolist() == [True]


def test_the_pad_of_the_preset_is_noisy_stepped_and_limited(body_capture, record):
    sensor = Contact(ContactConfig(name="foot", rate_hz=100.0))
    data = record(sensor, presses(body_capture, [300.0] * 1000 + [5000.0]))
    force = data["normal_force_n"].astype(float)
    assert force[-1] == 1000.0
    assert force[:-1].std() == pytest.approx(np.hypot(0.5, FSR_PAD.lsb_u / 12**0.5), rel=0.1)
    steps = force[:-1] / FSR_PAD.lsb_u
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)


@pytest.mark.parametrize("wrong", [{"open_n": 20.0}, {"open_n": -1.0}, {"debounce_s": -1.0}])
def test_impossible_pads_are_refused(wrong):
    with pytest.raises(ConfigError):
        ContactConfig(name="foot", **wrong)
