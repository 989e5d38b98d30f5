"""Blobs: one range of one blob at a time, from request to delivery.

*Strategy.* Registries redirect blobs to signed URLs that live for minutes. Where a blob was found is remembered and
asked again directly; when it no longer delivers, it is forgotten and the registry asked anew, once for each request.
"""

from __future__ import annotations

import threading
import time
from typing import Dict, Optional, Set, Tuple

from ..errors import AuthError, BusyError, DockferryError, NetworkError, NotFoundError, RequestError
from ..message import Message
from ..oci.descriptor import Descriptor
from ..oci.digest import Digest
from ..text import host_of
from ..transfer.protocols import Hold
from .complaint import Complaint
from .delivery import BlobDelivery
from .denials import Denials
from .judge import AskWhole, Deliver, Redirected, Refused, Verdict, Wanted, judge
from .redirects import Hop
from .session import Session, complaint
from .slips import Slips
from .transport import Reply

_REPEAT = 256 * 1024
"""Bytes before the wanted ones that are rather read than asked around: a request more costs about as much."""


class BlobOpener:
    """Opens blobs of the repository that has `path` at the session's endpoint; used by all threads."""

    def __init__(self, session: Session, repository: str) -> None:
        self._session = session
        self._repository = repository
        self._lock = threading.Lock()
        self._found: Dict[Digest, Hop] = {}
        self._by_range: Set[Digest] = set()
        """Blobs for which a request without a Range was answered with something else."""
        self._denials = Denials()
        self._slips = Slips()

    def open(self, blob: Descriptor, start: int, end: int, hold: Hold) -> BlobDelivery:
        """Ask for bytes `start` to `end` of `blob`; `hold` is told what ends the wait for an answer.

        Raises NetworkError, AuthError, NotFoundError.
        """
        with self._session.call() as call:
            hold(call)
            return self._open(blob, start, end)

    def _open(self, blob: Descriptor, start: int, end: int) -> BlobDelivery:
        with self._lock:
            known = self._found.get(blob.digest)
        if known is not None:
            delivery = self._ask_known(known, blob, start, end)
            if delivery is not None:
                return delivery
        return self._resolve(blob, start, end)

    def _ask_known(self, hop: Hop, blob: Descriptor, start: int, end: int) -> Optional[BlobDelivery]:
        """From where the blob was last; None if that is over. A host that asks for time gets it."""
        try:
            reply, verdict = self._ask_well(hop, blob, start, end, is_ranged=self._is_ranged(blob, start, end))
        except NetworkError:
            self._forget(blob, hop)
            raise
        if isinstance(verdict, Deliver):
            return BlobDelivery(reply.body, _named(blob), verdict.start, verdict.end)
        reply.body.discard()
        if isinstance(verdict, Refused) and isinstance(verdict.error, BusyError):
            raise verdict.error
        self._forget(blob, hop)
        return None

    def _resolve(self, blob: Descriptor, start: int, end: int) -> BlobDelivery:
        """From the registry on, hop by hop."""
        hop = Hop(self._session.endpoint.blob_url(self._repository, blob.digest), is_home=True, is_public=False)
        hops = slips = 0
        is_ranged = self._is_ranged(blob, start, end)
        began = time.monotonic()
        while True:
            reply, verdict = self._ask_well(hop, blob, start, end, is_ranged)
            if isinstance(verdict, Deliver):
                if hops:
                    with self._lock:
                        self._denials.delivered(blob.digest)
                        self._found[blob.digest] = hop
                return BlobDelivery(reply.body, _named(blob), verdict.start, verdict.end)
            if isinstance(verdict, Redirected):
                hops += 1
                hop = self._session.follow(hop, reply, hops)
                continue
            reply.body.discard()
            if isinstance(verdict, AskWhole):
                slips += 1
                is_ranged = verdict.is_slip and not self._slips.end_patience(slips)
            elif not is_ranged and not slips and self._is_ranged(blob, start, end):
                is_ranged = True
            else:
                raise self._refusal(hop, blob, verdict.error, began)

    def _refusal(self, hop: Hop, blob: Descriptor, error: DockferryError, began: float) -> DockferryError:
        """What a refusal at `hop`, of a request that `began` then, comes to: a storage host's is counted."""
        if hop.is_home or not isinstance(error, (AuthError, NotFoundError, RequestError)):
            return error
        with self._lock:
            return self._denials.denied(blob.digest, error, self._session.endpoint.name, began, time.monotonic())

    def _ask_well(self, hop: Hop, blob: Descriptor, start: int, end: int, is_ranged: bool) -> Tuple[Reply, Verdict]:
        """The answer to a request, but for the whole where ranges were answered rightly before: caches do so now and
        then, and the next answer may be right.
        """
        slips = 0
        while True:
            reply, verdict = self._ask(hop, blob, start, end, is_ranged)
            if not isinstance(verdict, Deliver):
                return reply, verdict
            if reply.status == 206:
                self._slips.answered()
            slips += 1
            if not is_ranged or slips > (start - verdict.start) // _REPEAT:
                return reply, verdict
            if self._slips.end_patience(slips):
                return reply, verdict
            reply.body.close()

    def _ask(self, hop: Hop, blob: Descriptor, start: int, end: int, is_ranged: bool) -> Tuple[Reply, Verdict]:
        headers = {"Accept": "*/*"}
        if is_ranged:
            headers["Range"] = f"bytes={start}-{end - 1}"
        reply = self._session.visit(hop, headers)
        where = self._session.endpoint.name if hop.is_home else host_of(hop.url)
        wanted = Wanted(start, end, blob.size, is_ranged, _named(blob), where)
        said = complaint(reply) if reply.status >= 400 else Complaint()
        verdict = judge(wanted, reply.status, reply.headers, said, time.time())
        if reply.status == 200 and isinstance(verdict, Refused):
            with self._lock:  # what gives something else for the whole, or for a Range, may do better the other way
                (self._by_range.discard if is_ranged else self._by_range.add)(blob.digest)
        return reply, verdict

    def _is_ranged(self, blob: Descriptor, start: int, end: int) -> bool:
        """All of a blob is asked for without a Range: the one request that every server should answer rightly."""
        with self._lock:
            return start > 0 or end < blob.size or blob.digest in self._by_range

    def _forget(self, blob: Descriptor, hop: Hop) -> None:
        with self._lock:
            if self._found.get(blob.digest) is hop:
                del self._found[blob.digest]


def _named(blob: Descriptor) -> str:
    """For messages, which one line has to hold."""
    return Message("blob {}", blob.digest.short)
