"""The simulated world, its bodies, sensors and tasks; importing it registers the environments."""

from fleetloop.envs.registration import register_all

register_all()
