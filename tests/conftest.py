"""Settings for all tests: hypothesis draws the same examples on every run and machine."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "same_everywhere",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("same_everywhere")
