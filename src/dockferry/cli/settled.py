"""Settled: what the options, the environment and the configuration file come to for one command."""

from __future__ import annotations

import os
from argparse import Namespace
from typing import TYPE_CHECKING, Any, Dict

from ..config.table import SETTINGS
from . import language

if TYPE_CHECKING:
    from ..config.settings import Settings


def settle(args: Namespace) -> Settings:
    """The settings in force; `args.progress` and the language become what they say. Raises UsageError, DiskError."""
    from ..config.files import load

    given = {setting.name: getattr(args, setting.name, None) for setting in SETTINGS}
    flags = {name: value for name, value in given.items() if value is not None}
    settings = load(flags, os.environ, args.config)
    args.progress = settings.progress
    language.use(settings.lang)
    return settings


def places(args: Namespace, settings: Settings, image: str) -> Dict[str, Any]:
    """Where `image` is fetched from, as the use cases take it: `-r` takes the place of what the file says."""
    from ..config.document import Mirrored
    from ..oci.reference import Reference

    known = settings.registries.get(Reference.parse(image).registry, Mirrored())
    if args.mirrors:
        known = Mirrored(tuple(args.mirrors), origin=False)
    return {
        "mirrors": known.mirrors,
        "with_origin": known.origin or args.with_origin,
        "trust": args.trust or known.trust,
    }
