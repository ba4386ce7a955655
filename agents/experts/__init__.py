"""Rule-based drivers and walkers that act from privileged truth: the teachers.

Adding one is one file and one line: task name to expert.
"""

from __future__ import annotations

from typing import Any

from fleetloop.agents.policy import Policy
from fleetloop.core.registry import Registry

EXPERTS: Registry[type[Policy[Any]]] = Registry(
    "expert",
    {
        "fleetloop/LaneFollow-v0": "fleetloop.agents.experts.lane_follow:LaneFollowExpert",
        "fleetloop/Drive-v0": "fleetloop.agents.experts.drive:DriveExpert",
        "fleetloop/DriveDense-v0": "fleetloop.agents.experts.drive:DriveExpert",
        "fleetloop/Park-v0": "fleetloop.agents.experts.park:ParkExpert",
        "fleetloop/HumanoidStand-v0": "fleetloop.agents.experts.humanoid_stand:HumanoidStandExpert",
        "fleetloop/HumanoidWalk-v0": "fleetloop.agents.experts.humanoid_walk:HumanoidWalkExpert",
        "fleetloop/HumanoidCarry-v0": "fleetloop.agents.experts.humanoid_carry:HumanoidCarryExpert",
        "fleetloop/HumanoidWipe-v0": "fleetloop.agents.experts.humanoid_wipe:HumanoidWipeExpert",
        "fleetloop/HumanoidPick-v0": "fleetloop.agents.experts.humanoid_pick:HumanoidPickExpert",
        "fleetloop/HumanoidHandover-v0": (
            "fleetloop.agents.experts.humanoid_handover:HumanoidHandoverExpert"
        ),
    },
)
