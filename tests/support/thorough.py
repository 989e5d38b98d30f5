"""How many examples Hypothesis draws: few and always the same by default, more and new ones where that is asked for.

`DOCKFERRY_THOROUGH=N` in the environment draws N times as many, others in each run.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

FACTOR = int(os.environ.get("DOCKFERRY_THOROUGH", "1"))


def load_profile() -> None:
    """For all tests: to be called before a test module is imported."""
    settings.register_profile(
        "dockferry",
        database=None,
        deadline=None,
        derandomize=FACTOR == 1,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    settings.load_profile("dockferry")


def examples(count: int, steps: int = 50) -> settings:
    """`count` examples, of at most so many `steps` where they have steps, times what the environment asks for."""
    return settings(max_examples=count * FACTOR, stateful_step_count=steps)
