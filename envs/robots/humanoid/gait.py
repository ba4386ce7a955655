"""Steps of a walking body as a linear inverted pendulum: where to tread, and when.

The divergent component of motion x = c + c'/w of a pendulum over a pressure point p grows as
x' = w (x - p) [Englsberger et al. 2015, "Three-dimensional bipedal walking control based on
divergent component of motion"]. In a step the pressure point first moves from the old foot to the
new one within the double support D, then rests until the end T. With d from the old to the new
pressure point and r the component relative to the new one at the step's start, the step ends at

    x(T) = p + E (r + k d),   E = exp(w T),   k = 1 - (1 - exp(-w D)) / (w D)

which is linear, so a walk that repeats itself has r in closed form:

    forward, where every step has the same d:   r = d (1 - E k) / (E - 1)
    sideways, where d alternates:               r = -d (1 + E k) / (1 + E)

Treading at x(T) - r therefore brings any disturbance back to the wanted walk within one step, if
the leg reaches; step times are chosen so that it does, after the idea of [Khadiv et al. 2020,
"Walking control based on step timing adaptation"].
"""

from __future__ import annotations

import numpy as np

from fleetloop.envs.trace.jit import inline

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201


@inline
def ramp_share(omega, double_support):
    """K of the module."""
    wd = omega * max(double_support, 1e-3)
    return 1.0 - (1.0 - np.exp(-wd)) / wd


@inline
def steady_offset(along, across, omega, step_s, double_support_s, offset):
    """R of the module for a step of (along, across), in the same axes; written."""
    grown = np.exp(omega * step_s)
    k = ramp_share(omega, double_support_s)
    offset[0] = along * (1.0 - grown * k) / (grown - 1.0)
    offset[1] = -across * (1.0 + grown * k) / (1.0 + grown)


@inline
def after(x, old, new, t, left, omega, double_support):
    """The component at the end of a step that is `t` old and has `left` to go, one axis."""
    if t >= double_support:
        return new + (x - new) * np.exp(omega * left)
    rest = double_support - t
    slope = (new - old) / double_support
    now = old + slope * t
    landed = np.exp(omega * rest) * (x - now - slope / omega) + new + slope / omega
    return new + (landed - new) * np.exp(omega * (left - rest))


@inline
def before(x_end, old, new, t, left, omega, double_support):
    """The component now that leads to `x_end` at the end of the step: `after` turned round."""
    if t >= double_support:
        return new + (x_end - new) * np.exp(-omega * left)
    rest = double_support - t
    slope = (new - old) / double_support
    now = old + slope * t
    landed = new + (x_end - new) * np.exp(-omega * (left - rest))
    return now + slope / omega + (landed - new - slope / omega) * np.exp(-omega * rest)
