"""The demonstration: `demo()` pulls a made-up image from a slow registry, interrupts, resumes and verifies."""

from __future__ import annotations

from .story import DEFAULT_RATE, DEFAULT_SIZE, demo

__all__ = ["DEFAULT_RATE", "DEFAULT_SIZE", "demo"]
