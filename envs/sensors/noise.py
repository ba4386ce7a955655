"""Errors that all sensors of the robot's body share, as processes in discrete time.

The unit of what a sensor measures is written `u` here: rad/s in a gyroscope, m/s² in an
accelerometer, tesla, pascal, newton elsewhere. Letters N, B, K are those of IEEE Std 952-1997,
annex C: white noise, bias instability (flicker) and rate random walk. In its convention the power
spectral density is two-sided, so N is also the Allan deviation at one second, and

    Allan variance(tau) = N²/tau + (2 ln 2 / pi) B² + K² tau / 3.

A data sheet's "noise density" is measured as rms over the root of a bandwidth, hence one-sided:
use `white_from_noise_density`. (The Analog Devices ADIS16470 states both: 0.008 °/s/√Hz and
0.34 °/√h = 0.0057 °/√s, a ratio of √2.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fleetloop.core.checks import check_not_negative
from fleetloop.core.errors import ConfigError
from fleetloop.core.frames import FloatArray
from fleetloop.envs.sensors.base import State
from fleetloop.envs.trace.jit import kernel

FLICKER_RATIO = 4.0
"""Ratio of neighbouring time constants of the flicker ladder; its ripple stays below 1 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelErrors:
    """What is wrong with the channels of one kind; zeros make a perfect sensor.

    Attributes:
        white_u_rt_s: N, white noise, u·√s (the same as u/√Hz, two-sided).
        instability_u: B, bias instability, u. The flat floor of the Allan deviation is 0.664 B.
        flicker_s: Shortest and longest time constant of the process that makes B, seconds.
        walk_u_rt_hz: K, random walk of the bias, u/√s (the same as u·√Hz).
        turn_on_u: Standard deviation of the bias that is drawn once per episode, u.
        scale: Standard deviation of the relative scale error that is drawn once per episode.
        lsb_u: Size of one digital step, u; 0 for none.
        limit_u: Largest magnitude that can be reported, u; None for no limit.
        jump_u: Size of the bias that the fault `bias_jump` adds at severity 1, u, with a sign per
            channel that is drawn once per episode.

    Raises:
        ConfigError: A negative value, or time constants that do not increase.
    """

    white_u_rt_s: float = 0.0
    instability_u: float = 0.0
    flicker_s: tuple[float, float] = (1.0, 1000.0)
    walk_u_rt_hz: float = 0.0
    turn_on_u: float = 0.0
    scale: float = 0.0
    lsb_u: float = 0.0
    limit_u: float | None = None
    jump_u: float = 0.0

    def __post_init__(self) -> None:
        check_not_negative(
            self,
            "channel errors",
            "white_u_rt_s",
            "instability_u",
            "walk_u_rt_hz",
            "turn_on_u",
            "scale",
            "lsb_u",
            "jump_u",
        )
        shortest, longest = self.flicker_s
        if not 0.0 < shortest < longest < math.inf:
            raise ConfigError(
                f"The flicker_s {self.flicker_s!r} must be two increasing positive times."
            )
        if self.limit_u is not None and not 0.0 < self.limit_u < math.inf:
            raise ConfigError(f"The limit_u is {self.limit_u!r}: use a positive number or None.")


class Channels:
    """`count` channels with equal errors and independent noise. Immutable; state goes in and out.

    Args:
        prefix: Put before the names of the state's arrays.
        count: Number of channels.
        errors: What is wrong with them.
        rate_hz: Samples per second, which is also the bandwidth that white noise is averaged over.
    """

    def __init__(self, prefix: str, count: int, errors: ChannelErrors, rate_hz: float) -> None:
        self.count = count
        self.errors = errors
        self.limit = math.inf if errors.limit_u is None else float(np.float32(errors.limit_u))
        self._white_sd = white_sd(errors.white_u_rt_s, rate_hz)
        self._flicker_sd, self._flicker_s = flicker_ladder(errors.instability_u, errors.flicker_s)
        self._names = tuple(f"{prefix}_{part}" for part in ("scale", "bias", "flicker", "jump"))

    def start(self, rng: np.random.Generator) -> State:
        """Draws what is fixed for an episode, and the flicker noise in its stationary state."""
        scale, bias, flicker, jump = self._names
        errors = self.errors
        return {
            scale: errors.scale * rng.standard_normal(self.count),
            bias: errors.turn_on_u * rng.standard_normal(self.count),
            flicker: self._flicker_sd * rng.standard_normal((self.count, self._flicker_sd.size)),
            jump: errors.jump_u * rng.choice([-1.0, 1.0], self.count),
        }

    def sample(
        self,
        truth: FloatArray,
        state: State,
        dt_s: float,
        rng: np.random.Generator,
        jump_severity: float = 0.0,
    ) -> tuple[FloatArray, State]:
        """One reading of all channels.

        Args:
            truth: What an ideal sensor would report, (count,), u.
            state: As `start` or the last call returned it; it may hold other arrays as well.
            dt_s: Time since the last call, over which biases drift; 0 or more.
            rng: The sensor's random numbers.
            jump_severity: Severity of an active `bias_jump` fault, 0 without one.

        Returns:
            The reading (count,), u, and the arrays of the state that changed.
        """
        name_scale, name_bias, name_flicker, name_jump = self._names
        errors, ladder = self.errors, self._flicker_sd.size
        walks, noisy = errors.walk_u_rt_hz > 0.0, self._white_sd > 0.0
        # One draw for all: a stream gives the same numbers however they are asked for.
        draws = rng.standard_normal(self.count * (walks + ladder + noisy))
        decay, kick = _ladder_step(errors.instability_u, errors.flicker_s, dt_s)
        bias, flicker, reading = (
            np.empty(self.count),
            np.empty((self.count, ladder)),
            np.empty(self.count),
        )
        _read(
            np.ascontiguousarray(truth, dtype=np.float64), state[name_scale], state[name_bias],
            state[name_flicker], state[name_jump], decay, kick, draws,
            errors.walk_u_rt_hz * math.sqrt(dt_s) if walks else 0.0, walks, self._white_sd,
            float(jump_severity), errors.lsb_u, self.limit, bias, flicker, reading,
        )  # fmt: skip
        changed: State = {}
        if walks:
            changed[name_bias] = bias
        if ladder:
            changed[name_flicker] = flicker
        return reading, changed


@kernel
def _read(
    truth: FloatArray, scale: FloatArray, bias: FloatArray, flicker: FloatArray, jump: FloatArray,
    decay: FloatArray, kick: FloatArray, draws: FloatArray, walk_u: float, walks: bool,
    white_u: float, severity: float, lsb: float, limit: float, new_bias: FloatArray,
    new_flicker: FloatArray, reading: FloatArray,
) -> None:  # fmt: skip
    """One reading of channels, see `Channels.sample`; draws are walks, ladders, white noise."""
    count, ladder = len(truth), len(decay)
    at = count if walks else 0
    for i in range(count):
        new_bias[i] = bias[i] + walk_u * draws[i] if walks else bias[i]
        slow = 0.0
        for k in range(ladder):
            drawn = draws[at + i * ladder + k]
            new_flicker[i, k] = flicker[i, k] * decay[k] + kick[k] * drawn
            slow += new_flicker[i, k]
        value = truth[i] * (1.0 + scale[i]) + new_bias[i] + slow
        if white_u > 0.0:
            value = value + white_u * draws[at + count * ladder + i]
        if severity > 0.0:
            value = value + severity * jump[i]
        if lsb > 0.0:
            value = np.rint(value / lsb) * lsb
        reading[i] = min(max(value, -limit), limit)


@lru_cache(maxsize=512)
def _ladder_step(
    instability_u: float, flicker_s: tuple[float, float], dt_s: float
) -> tuple[FloatArray, FloatArray]:
    """Decay and kick (k,) of a flicker ladder over a step, see `advance_gauss_markov`."""
    sd, time_constant_s = flicker_ladder(instability_u, flicker_s)
    decay = np.exp(-dt_s / time_constant_s[: sd.size])
    return decay, sd * np.sqrt(1.0 - decay * decay)


def white_sd(white_u_rt_s: float, rate_hz: float) -> float:
    """Standard deviation of one sample of white noise N: N·√rate (IEEE Std 952-1997, C.1.1)."""
    return white_u_rt_s * math.sqrt(rate_hz)


def white_from_noise_density(density_u_rt_hz: float) -> float:
    """N, u·√s, of a data sheet's one-sided noise density in u/√Hz."""
    return density_u_rt_hz / math.sqrt(2.0)


def white_from_rms(rms_u: float, rate_hz: float) -> float:
    """N, u·√s, of white noise whose samples at `rate_hz` have the standard deviation `rms_u`."""
    return rms_u / math.sqrt(rate_hz)


def advance_gauss_markov(
    value: FloatArray,
    sd: npt.ArrayLike,
    time_constant_s: npt.ArrayLike,
    dt_s: float,
    rng: np.random.Generator,
) -> FloatArray:
    """Steps first-order Gauss-Markov processes exactly, for any step size.

    x' = x·exp(-dt/T) + sd·√(1 - exp(-2 dt/T))·w with w standard normal: the stationary standard
    deviation is `sd` and the autocorrelation exp(-|t|/T) [Brown & Hwang, "Introduction to Random
    Signals and Applied Kalman Filtering", 4th ed., 4.6].

    Args:
        value: Present values, any shape; drawn as sd·w at the start.
        sd: Standard deviation, broadcast against `value`.
        time_constant_s: T, broadcast against `value`.
        dt_s: Step, 0 or more.
        rng: Random numbers.
    """
    decay = np.exp(-dt_s / np.asarray(time_constant_s, np.float64))
    kick = np.asarray(sd) * np.sqrt(1.0 - decay * decay)
    return value * decay + kick * rng.standard_normal(value.shape)


def gauss_markov_allan_variance(
    sd: npt.ArrayLike, time_constant_s: npt.ArrayLike, tau_s: npt.ArrayLike
) -> FloatArray:
    """Allan variance of a Gauss-Markov process (IEEE Std 952-1997, C.1.5, with q = sd·√(2/T))."""
    time_constant = np.asarray(time_constant_s, np.float64)
    ratio = np.asarray(tau_s, np.float64) / time_constant
    bracket = 1.0 - (3.0 - 4.0 * np.exp(-ratio) + np.exp(-2.0 * ratio)) / (2.0 * ratio)
    return np.asarray(2.0 * np.square(sd) / ratio * bracket)


def flicker_ladder(
    instability_u: float, flicker_s: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """Gauss-Markov processes whose sum has the spectrum B²/(2 pi f) of bias instability B.

    With the variance s² per e-fold of time constants the sum's two-sided spectrum is s²/(2 f)
    between the corners, as the integral over ln T of 2 s² T / (1 + (2 pi f T)²) shows. Hence
    s² = B²/pi, and a process stands for ln(ratio) e-folds [Keshner 1982, "1/f noise", Proc. IEEE].

    Args:
        instability_u: B.
        flicker_s: Shortest and longest time constant, seconds.

    Returns:
        Standard deviations (k,), u, and time constants (k,), s; both empty if B is 0.
    """
    if instability_u == 0.0:
        return np.zeros(0), np.ones(0)
    shortest, longest = flicker_s
    steps = max(1, round(math.log(longest / shortest) / math.log(FLICKER_RATIO)))
    time_constant_s = np.geomspace(shortest, longest, steps + 1)
    share = math.log(longest / shortest) / steps
    sd = instability_u * math.sqrt(share / math.pi)
    return np.full(steps + 1, sd), time_constant_s


def quantise(value: FloatArray, lsb: float) -> FloatArray:
    """Rounds to whole multiples of `lsb` (ties to even); unchanged if `lsb` is 0."""
    return np.rint(value / lsb) * lsb if lsb > 0.0 else value


def saturate(value: FloatArray, limit: float) -> FloatArray:
    """Cuts to [-limit, limit]."""
    return np.minimum(np.maximum(value, -limit), limit)


def misalignment_matrix(angles_rad: FloatArray) -> FloatArray:
    """Non-orthogonal axes of a triad, (3, 3): takes true vectors to what the axes pick up.

    Each sensitive axis leans by two small angles towards the two others, so the matrix is one plus
    an off-diagonal one (first order; Titterton & Weston, "Strapdown Inertial Navigation
    Technology", 2nd ed., 8.3).

    Args:
        angles_rad: (6,): x towards y, x towards z, y towards x, y towards z, z towards x, z
            towards y.
    """
    matrix = np.eye(3)
    matrix[[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]] = angles_rad
    return matrix


def elapsed_s(t_ns: int, state: State) -> float:
    """Time since the capture noted in `state["t_ns"]`; 0 at the first one (noted as negative)."""
    before = int(state["t_ns"][0])
    return (t_ns - before) * 1e-9 if before >= 0 else 0.0


def no_capture_yet() -> State:
    """The note of `elapsed_s` before the first capture."""
    return {"t_ns": np.array([-1], np.int64)}


def captured_at(t_ns: int) -> State:
    """The note of `elapsed_s` after a capture."""
    return {"t_ns": np.array([t_ns], np.int64)}
