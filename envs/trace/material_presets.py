"""Named materials; where a number is not plain, its source stands in `material.py`."""

from __future__ import annotations

from fleetloop.core.registry import Registry
from fleetloop.envs.trace.material import Material

_PRESETS: dict[str, Material] = {
    # Ground
    "asphalt": Material(color=(0.085, 0.085, 0.09), pattern="asphalt", roughness=0.9,
                        lidar_reflectivity=0.12, radar=0.05, friction=1.0),
    "road_two_lanes": Material(color=(0.085, 0.085, 0.09), pattern="road_two_lanes",
                               pattern_scale_m=3.5, roughness=0.9, lidar_reflectivity=0.14,
                               radar=0.05, friction=1.0),
    "concrete": Material(color=(0.36, 0.35, 0.33), pattern="plaster", lidar_reflectivity=0.4,
                         radar=0.12, friction=0.95),
    "paving": Material(color=(0.33, 0.31, 0.285), pattern="paving", pattern_scale_m=0.6,
                       lidar_reflectivity=0.35, radar=0.10, friction=0.9),
    "kerb": Material(color=(0.42, 0.41, 0.39), pattern="kerb", pattern_scale_m=1.0,
                     lidar_reflectivity=0.42, radar=0.12, friction=0.9),
    "lane_paint_white": Material(color=(0.74, 0.74, 0.72), lidar_reflectivity=0.75, retro=8.0,
                                 radar=0.05, friction=0.85),
    "lane_paint_yellow": Material(color=(0.70, 0.47, 0.05), lidar_reflectivity=0.7, retro=8.0,
                                  radar=0.05, friction=0.85),
    "grass": Material(color=(0.085, 0.135, 0.032), pattern="grass", roughness=1.0, specular=0.0,
                      lidar_reflectivity=0.45, radar=0.06, sound_absorption=0.5, friction=0.55),
    "earth": Material(color=(0.19, 0.13, 0.08), pattern="plaster", roughness=1.0, specular=0.0,
                      lidar_reflectivity=0.3, radar=0.08, sound_absorption=0.3, friction=0.6),
    "snow": Material(color=(0.85, 0.87, 0.90), lidar_reflectivity=0.8, radar=0.03,
                     sound_absorption=0.6, friction=0.28),
    "water": Material(color=(0.02, 0.035, 0.04), specular=0.02, roughness=0.05,
                      lidar_reflectivity=0.02, radar=0.4, friction=0.1),
    # Buildings
    "brick": Material(color=(0.32, 0.12, 0.075), pattern="brick", lidar_reflectivity=0.35,
                      radar=0.25),
    "plaster": Material(color=(0.62, 0.58, 0.50), pattern="plaster", lidar_reflectivity=0.55,
                        radar=0.2),
    "facade": Material(color=(0.60, 0.54, 0.44), pattern="facade", lidar_reflectivity=0.45,
                       radar=0.25),
    "roof_tile": Material(color=(0.26, 0.085, 0.045), pattern="roof_tile", lidar_reflectivity=0.3,
                          radar=0.2),
    "wood": Material(color=(0.33, 0.19, 0.09), pattern="wood", roughness=0.55,
                     lidar_reflectivity=0.5, radar=0.12),
    "tile": Material(color=(0.66, 0.65, 0.62), pattern="tile", pattern_scale_m=0.3, roughness=0.25,
                     lidar_reflectivity=0.6, radar=0.2, friction=0.6),
    "glass": Material(color=(0.03, 0.035, 0.035), alpha=0.25, specular=0.05, roughness=0.03,
                      lidar_reflectivity=0.04, radar=0.15, sound_absorption=0.02),
    "glass_dark": Material(color=(0.012, 0.014, 0.016), specular=0.06, roughness=0.04,
                           lidar_reflectivity=0.04, radar=0.15, sound_absorption=0.02),
    # Vehicles and street furniture
    "car_paint": Material(color=(0.60, 0.60, 0.60), specular=0.05, roughness=0.16,
                          lidar_reflectivity=0.4, radar=1.0, sound_absorption=0.02),
    "tyre": Material(color=(0.018, 0.018, 0.018), roughness=0.9, lidar_reflectivity=0.06,
                     radar=0.05, sound_absorption=0.2),
    "chrome": Material(color=(0.10, 0.10, 0.10), specular=0.65, roughness=0.06,
                       lidar_reflectivity=0.5, radar=1.0, sound_absorption=0.01),
    "metal": Material(color=(0.33, 0.33, 0.34), specular=0.35, roughness=0.35,
                      lidar_reflectivity=0.5, radar=1.0, sound_absorption=0.01),
    "metal_painted": Material(color=(0.10, 0.115, 0.115), specular=0.05, roughness=0.45,
                              lidar_reflectivity=0.3, radar=0.9, sound_absorption=0.02),
    "plastic": Material(color=(0.40, 0.40, 0.40), roughness=0.45, lidar_reflectivity=0.45,
                        radar=0.08),
    "plastic_black": Material(color=(0.016, 0.016, 0.017), roughness=0.5, lidar_reflectivity=0.06,
                              radar=0.08),
    "sign_retro": Material(color=(0.55, 0.03, 0.03), roughness=0.5, lidar_reflectivity=0.6,
                           retro=60.0, radar=0.9),
    "licence_plate": Material(color=(0.72, 0.72, 0.70), roughness=0.5, lidar_reflectivity=0.7,
                              retro=40.0, radar=0.6),
    "headlamp": Material(color=(0.72, 0.74, 0.76), specular=0.08, roughness=0.08,
                         lidar_reflectivity=0.3, retro=5.0, radar=0.3),
    "taillamp": Material(color=(0.34, 0.008, 0.008), specular=0.05, roughness=0.12,
                         emission=(0.02, 0.0, 0.0), lidar_reflectivity=0.4, retro=25.0, radar=0.2),
    "lamp": Material(color=(0.75, 0.74, 0.70), emission=(0.9, 0.72, 0.45), lidar_reflectivity=0.5,
                     radar=0.5),
    # Nature and people
    "foliage": Material(color=(0.050, 0.092, 0.020), pattern="foliage", roughness=1.0,
                        specular=0.0, lidar_reflectivity=0.48, radar=0.04, sound_absorption=0.6),
    "bark": Material(color=(0.095, 0.066, 0.042), pattern="bark", roughness=1.0, specular=0.0,
                     lidar_reflectivity=0.35, radar=0.15, sound_absorption=0.2),
    "cloth": Material(color=(0.25, 0.25, 0.25), pattern="cloth", roughness=1.0, specular=0.0,
                      lidar_reflectivity=0.45, radar=0.10, sound_absorption=0.6),
    "skin": Material(color=(0.44, 0.26, 0.18), pattern="skin", specular=0.028, roughness=0.7,
                     lidar_reflectivity=0.55, radar=0.35, sound_absorption=0.1),
    "hair": Material(color=(0.03, 0.02, 0.014), roughness=0.9, lidar_reflectivity=0.3,
                     radar=0.05, sound_absorption=0.5),
    # Homes
    "porcelain": Material(color=(0.80, 0.79, 0.77), specular=0.045, roughness=0.12,
                          lidar_reflectivity=0.7, radar=0.15, friction=0.35),
    "wall_paint": Material(color=(0.70, 0.68, 0.64), pattern="plaster", lidar_reflectivity=0.7,
                           radar=0.15),
    "checker": Material(color=(0.80, 0.80, 0.80), pattern="checker", pattern_scale_m=1.0),
}  # fmt: skip

MATERIALS: Registry[Material] = Registry("material", {})
"""Presets by name; `dataclasses.replace` makes variants, `MATERIALS.add` new names."""

for _name, _material in _PRESETS.items():
    MATERIALS.add(_name, _material)
