"""Numbers of a Model-3-class saloon, with where each comes from.

Published: kerb mass 1,760 to 1,847 kg (Tesla owner's manual, variants), wheelbase 2.875 m, track
1.58 m, length 4.69 m, width 1.85 m, height 1.44 m, 208 kW for the rear-wheel drive of model year
2024 with 0 to 100 km/h in 6.1 s (evkx.net), turning circle 11.6 to 11.8 m, drag coefficient 0.22 to
0.23 over a frontal area of 2.22 m2, tyres 235/45 R18 of 0.335 m radius. Derived or usual for the
class, and held in bands by tests: inertias (radii of gyration 0.57, 1.21 and 1.25 m), springs for a
ride frequency of 1.3 to 1.4 Hz, dampers at 0.3 of critical, tyre curves.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleetloop.core.checks import check_positive, check_share


@dataclass(frozen=True, slots=True, kw_only=True)
class CarParams:
    """Everything that the car's dynamics need. Wheels: front left, front right, rear left, right.

    Attributes:
        mass_kg: With a driver.
        inertia_kg_m2: About the centre of mass: roll, pitch, yaw.
        wheelbase_m, track_m, wheel_radius_m: Geometry.
        com_x_m, com_z_m: Centre of mass; x from the middle between the axles, z above the ground.
        spring_n_m: Per wheel, front and rear.
        damper_ns_m: Per wheel, front and rear.
        anti_roll_n_m: Front and rear.
        travel_m: Of the suspension from rest to the bump stop.
        wheel_inertia_kg_m2: Of one wheel with its share of the drive train.
        power_w, drive_torque_nm: Of the motors; torque at the wheels, all driven wheels together.
        rear_drive_share: 1 is rear-wheel drive, 0.55 all-wheel drive.
        brake_torque_nm: At all wheels together, full pedal.
        front_brake_share: Of the friction brakes.
        regen_power_w, regen_torque_nm: Limits of braking by the motor, at the driven wheels.
        max_steer_rad: Of the front wheels; sets the turning circle.
        steer_rate_rad_s: Largest speed of the steering.
        steer_lag_s, torque_lag_s: Time constants of steering and motors.
        drag_area_m2: Drag coefficient times frontal area.
        rolling_resistance: Coefficient.
        tyre_b, tyre_c, tyre_e: Magic Formula shape, see `wheels`.
        tyre_mu: Peak friction on a surface of friction 1 at the static load.
        tyre_load_sensitivity: Loss of friction per unit of relative overload.
        abs_slip, traction_slip: Slip at which brakes and motors are held back.
        stability_control: Whether single wheels are braked against spinning.
    """

    mass_kg: float = 1850.0
    inertia_kg_m2: tuple[float, float, float] = (600.0, 2700.0, 2900.0)
    wheelbase_m: float = 2.875
    track_m: float = 1.58
    wheel_radius_m: float = 0.335
    com_x_m: float = -0.08
    com_z_m: float = 0.46
    spring_n_m: tuple[float, float] = (32_000.0, 35_000.0)
    damper_ns_m: tuple[float, float] = (3_400.0, 3_700.0)
    anti_roll_n_m: tuple[float, float] = (20_000.0, 11_000.0)
    travel_m: float = 0.10
    wheel_inertia_kg_m2: float = 1.4
    power_w: float = 208_000.0
    drive_torque_nm: float = 3_300.0
    rear_drive_share: float = 1.0
    brake_torque_nm: float = 8_200.0
    front_brake_share: float = 0.64
    regen_power_w: float = 65_000.0
    regen_torque_nm: float = 1_250.0
    max_steer_rad: float = 0.60
    steer_rate_rad_s: float = 0.9
    steer_lag_s: float = 0.07
    torque_lag_s: float = 0.05
    drag_area_m2: float = 0.50
    rolling_resistance: float = 0.010
    tyre_b: float = 11.0
    tyre_c: float = 1.55
    tyre_e: float = 0.2
    tyre_mu: float = 1.06
    tyre_load_sensitivity: float = 0.06
    abs_slip: float = 0.12
    traction_slip: float = 0.10
    stability_control: bool = True

    def __post_init__(self) -> None:
        check_positive(
            self,
            "a car",
            "mass_kg",
            "wheelbase_m",
            "track_m",
            "wheel_radius_m",
            "com_z_m",
            "power_w",
            "drive_torque_nm",
            "brake_torque_nm",
            "max_steer_rad",
            "tyre_mu",
            infinite=True,
        )
        check_share(self, "a car", "rear_drive_share", "front_brake_share")
