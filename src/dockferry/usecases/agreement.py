"""Agreement: from what sources say a tag is to the one document that is meant: pure."""

from __future__ import annotations

import functools
from typing import Dict, List, NoReturn, Optional, Sequence, Tuple, Union

from ..errors import ContentError, NotFoundError
from ..message import Message
from ..oci.digest import Digest
from ..oci.manifest import Index, Manifest
from ..oci.reference import Reference
from ..registry.repository import Repository
from .canvass import Answer

Document = Union[Manifest, Index]


def agreed(
    reference: Reference, answers: Sequence[Answer[Document]], origin: Optional[Repository]
) -> Tuple[Repository, Document]:
    """The document and who gave it: the origin where it answered, else the first.

    A mirror that has not the tag says nothing of it; the origin, which makes the tags, says that there is none.
    `answers` holds at least one document. Raises ContentError for a disagreement.
    """
    said: Dict[Optional[Digest], List[str]] = {}
    found: List[Tuple[Repository, Document]] = []
    for answer in answers:
        if answer.value is not None:
            found.append((answer.source, answer.value))
            said.setdefault(answer.value.digest, []).append(answer.source.name)
        elif answer.source is origin and isinstance(answer.error, NotFoundError):
            said.setdefault(None, []).append(answer.source.name)
    if len(said) > 1:
        _refuse(reference, said, origin)
    return next((pair for pair in found if pair[0] is origin), found[0])


def _refuse(reference: Reference, said: Dict[Optional[Digest], List[str]], origin: Optional[Repository]) -> NoReturn:
    told = [
        Message.counted(
            "{1} says {2}", "{1} say {2}", len(names), ", ".join(names), digest or Message("there is none")
        )
        for digest, names in said.items()
    ]
    named = [digest for digest in said if digest is not None]
    best = next((digest for digest in named if origin and origin.name in said[digest]), named[0])
    raise ContentError(
        "{}: the sources disagree on this tag: {}",
        reference.familiar,
        functools.reduce(functools.partial(Message, "{}; {}"), told),
        remedy=Message(
            "give the digest you want, like {}@{}, or say which to believe: --trust {}",
            reference.familiar_repository,
            best,
            said[best][0],
        ),
    )
