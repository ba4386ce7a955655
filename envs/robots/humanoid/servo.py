"""Joint drives: stiffness and damping about a reference, with the limits of real motors.

A drive closes its loop at every physics tick on the motor's own encoder. Its torque is limited, and
fades to nothing where the joint turns faster than the drive can, as back electromotive force makes
it [Hanselman, "Brushless permanent magnet motor design", 2nd ed., 5].
"""

from __future__ import annotations

from fleetloop.core.frames import FloatArray
from fleetloop.envs.robots.humanoid.kinematics import Tree
from fleetloop.envs.trace.jit import kernel

# mypy: disable-error-code="no-untyped-def"

_GAINS = {
    "waist": (1500.0, 60.0),
    "neck": (100.0, 3.0),
    "shoulder": (150.0, 6.0),
    "elbow": (150.0, 6.0),
    "forearm": (100.0, 3.0),
    "wrist": (60.0, 0.5),
    "finger": (1000.0, 10.0),
    "thumb": (1000.0, 10.0),
    "hip_yaw": (300.0, 8.0),
    "hip_roll": (1200.0, 50.0),
    "hip_pitch": (1500.0, 60.0),
    "knee": (1200.0, 35.0),
    "ankle": (500.0, 8.0),
}

REFERENCE, SPEED, STIFFNESS, DAMPING, TORQUE = range(5)
"""Rows of what a drive is told."""


def drive_gains(tree: Tree) -> tuple[FloatArray, FloatArray]:
    """Stiffness and damping of every joint that holds a posture, (n,) each."""
    import numpy as np

    found = []
    for joint in tree.joints:
        _, _, rest = joint.partition("_")
        name = rest if joint.startswith(("left_", "right_")) else joint
        found.append(next(gain for key, gain in _GAINS.items() if name.startswith(key)))
    table = np.array(found)
    return table[:, 0].copy(), table[:, 1].copy()


@kernel
def drive_torques(
    drive: FloatArray, q: FloatArray, dq: FloatArray, effort: FloatArray, speed: FloatArray,
    torques: FloatArray,
) -> None:  # fmt: skip
    """Torques of all drives, (n,), written.

    Args:
        drive: (5, n), rows as above.
        q, dq: Joints.
        effort, speed: Limits.
        torques: Written.
    """
    for j in range(len(q)):
        wanted = (
            drive[4, j] + drive[2, j] * (drive[0, j] - q[j]) + drive[3, j] * (drive[1, j] - dq[j])
        )
        most = effort[j]
        # From the limit of speed on the torque fades, to none a fifth above it.
        over = abs(dq[j]) / speed[j] - 1.0
        if over > 0.0 and wanted * dq[j] > 0.0:
            most *= max(0.0, 1.0 - 5.0 * over)
        torques[j] = min(max(wanted, -most), most)
