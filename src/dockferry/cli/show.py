"""What `inspect` shows: an image's summary as text for people or as JSON."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, List, Tuple

from ..errors import NotFoundError
from ..text import clean, human_size
from . import cells
from .language import say
from .presenters import words

if TYPE_CHECKING:
    from ..usecases.inspection import ImageSummary

_PATH_ENDINGS = (".tar", ".tar.gz", ".tgz", ".part")


def refuse_missing_file(what: str) -> None:
    """Raises NotFoundError for what can only be meant as a path: it is not there, and is no image's name."""
    if what.startswith((".", "/", "~")) or (os.sep != "/" and os.sep in what) or what.endswith(_PATH_ENDINGS):
        raise NotFoundError(
            "wanted an archive or a layout, got no such file: {}",
            clean(repr(what), 200),
            remedy="check the path, or give an image's name",
        )


def as_json(summary: ImageSummary) -> str:
    return json.dumps(summary.to_json(), separators=(",", ":"))


def as_text(summary: ImageSummary) -> str:
    """A fact a line, then the settings, then the layers from the bottom up."""
    facts: List[Tuple[str, str]] = [
        (say("image"), clean(summary.name) or say("without a name")),
        (say("digest"), summary.digest),
        (say("platform"), summary.platform or say("none: no image, but an artifact")),
        (say("created"), summary.created or say("not said")),
        (say("size"), say("{} in {} layers", human_size(summary.size), len(summary.layers))),
    ]
    if summary.platforms:
        facts.append((say("offered"), ", ".join(summary.platforms)))
    lines = [cells.left(f"{name}:", 10) + text for name, text in facts]
    for name, value in sorted(summary.settings.items()):
        lines.append(f"{clean(name)}: {_setting(value)}")
    for number, layer in enumerate(summary.layers, 1):
        name = words.short(layer.digest or layer.diff_id or "")
        lines.append(f"{number:>3}  {name:<12}  {human_size(layer.size):>7}  {clean(layer.media_type)}")
    return "\n".join(lines)


def _setting(value: Any) -> str:
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 2000)
