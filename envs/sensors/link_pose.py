"""Where a hand or a tool is, from the base: what forward kinematics make of the joint encoders.

Robots' own controllers tell this for each limb, as an arm says where its tool is. Encoders are far
finer than what errs: links bend, and their lengths were not measured exactly, which shifts the
place by an amount that hardly changes within an episode. So the place is the true one, an error
that stays, and a little noise. Both sizes are assumptions for a calibrated arm, of no product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_not_negative
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import Pose
from fleetloop.core.spec import Field, Schema
from fleetloop.envs.sensors.base import Buffers, Capture, Modality, SensorConfig, State

if TYPE_CHECKING:
    from fleetloop.envs.trace.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPoseConfig(SensorConfig):
    """The place of a point of a link; `link_T_sensor` says which point.

    Attributes:
        origin: Link that the place is told from.
        offset_m: Standard deviation of the error that stays for an episode, along each axis.
        noise_m: Standard deviation of each reading, along each axis.
        slip_m: How far the fault `bias_jump` shifts the place along each axis at severity 1.
    """

    KIND: ClassVar[str] = "link_pose"
    LOOKS: ClassVar[bool] = False
    FAULTS: ClassVar[tuple[str, ...]] = ("bias_jump",)

    rate_hz: float = 60.0
    origin: str = "base"
    offset_m: float = 0.002
    noise_m: float = 0.0003
    slip_m: float = 0.02

    def __post_init__(self) -> None:
        SensorConfig.__post_init__(self)
        check_not_negative(self, f"sensor {self.name!r}", "offset_m", "noise_m", "slip_m")


class LinkPose:
    """See the module; the field `position_m`."""

    CONFIG: ClassVar[type[SensorConfig]] = LinkPoseConfig
    MODALITY: ClassVar[Modality] = "state"
    scan_s: float = 0.0

    def __init__(self, config: LinkPoseConfig) -> None:
        self.config = config
        self.schema = Schema(
            {
                "position_m": Field(
                    shape=(3,),
                    dtype="float32",
                    unit="m",
                    frame=config.origin,
                    doc="Of the sensor's origin.",
                )
            }
        )

    def initial_state(self, rng: np.random.Generator) -> State:
        """Draws the error that stays."""
        return {"offset_m": self.config.offset_m * rng.standard_normal(3)}

    def views(self, capture: Capture, state: State, rng: np.random.Generator) -> Sequence[View]:
        """No rays."""
        return ()

    def measure(
        self,
        capture: Capture,
        traced: Sequence[Buffers],
        state: State,
        rng: np.random.Generator,
    ) -> tuple[dict[str, npt.NDArray[Any]], State]:
        """Tells the place.

        Raises:
            ConfigError: The robot lacks the link that it is told from.
        """
        config = self.config
        links = capture.robot.links
        if config.origin not in links:
            raise ConfigError(
                f"The sensor {config.name!r} tells places from the link {config.origin!r}, which "
                f"the robot lacks. It has: {', '.join(links)}."
            )
        origin: Pose = links[config.origin].world_T_link
        true_m = origin.inverse().transform_points(capture.world_T_sensor.position_m)
        slip_m = capture.severity("bias_jump") * config.slip_m
        noise_m = config.noise_m * rng.standard_normal(3)
        told_m = true_m + state["offset_m"] + noise_m + slip_m
        return {"position_m": told_m.astype(np.float32)}, state
