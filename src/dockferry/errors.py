"""What can go wrong, as one tree, each class with its exit code and whether a retry can help.

    DockferryError            1   unexpected
      UsageError              2   a reference, option or combination that cannot be meant
      NotFoundError           3   no such image, tag or platform
      AuthError               4   credentials missing, refused or not to be sent
      NetworkError            5   the network or the far end failed; worth a retry
        ConnectError              no connection: refused, unresolved, timed out
          UnknownHostError          no such name, as far as the resolver knows
        CertificateError          TLS cannot be trusted, or is not spoken; not worth a retry
        BodyError                 a body that ended early, went silent, or is framed wrongly
        BusyError                 429 or 5xx: the host asks for time (`retry_after`)
        ReplyError                a reply that is no answer to what was asked
          RedirectError           a redirect that is not followed; not worth a retry
          StorageError              the host that the registry sent us to refuses a fresh address
          RequestError              the host will not have the request as such (4xx); not worth a retry
      ContentError            6   bytes that are not what their digest, size or grammar says
      DiskError               7   full, unwritable, failing, or a target that is in the way
      Interrupted           130   stopped by the user; state kept

A message is one line: what was wanted, what was got, from where; `remedy` says what to do, by what is usual for its
class where nobody knows better; `reason` is what was got alone, for who says the rest already. All are given as a
template and its parts (`UsageError("{}: wanted a file, got {}", where, kind)`), to be said in other languages too.
"""

from __future__ import annotations

import contextlib
import errno
from typing import Iterator, Optional

from .message import Message

_ELSEWHERE = Message("choose another place with -o")
_NOT_ALLOWED = Message("you may not write there: {}", _ELSEWHERE)
_DISK_REMEDIES = {
    errno.ENOSPC: Message("free some space, then run the same command again: what was downloaded is kept"),
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.EROFS: Message("the file system is read-only: {}", _ELSEWHERE),
    errno.EIO: Message("the disk fails: look at the system's log, and {}", _ELSEWHERE),
    errno.EFBIG: Message(
        "the file system (FAT: 4 GiB) or a limit (ulimit -f) allows no file this large: {}", _ELSEWHERE
    ),
    errno.ENOENT: Message("make the directory first"),
    errno.ENOTDIR: _ELSEWHERE,
    errno.EISDIR: _ELSEWHERE,
    errno.ELOOP: Message("a symbolic link is in the way: {}", _ELSEWHERE),
    errno.ENAMETOOLONG: Message("choose a shorter name with -o"),
    errno.EMFILE: Message("raise the limit of open files (ulimit -n)"),
}
_DISK_REMEDIES[getattr(errno, "EDQUOT", errno.ENOSPC)] = _DISK_REMEDIES[errno.ENOSPC]
_SHARING_VIOLATION = 32
"""Windows' own code; the errno beside it says EACCES."""


class DockferryError(Exception):
    """Root of all errors that dockferry raises on purpose.

    `message` is one line without secrets, from a template and its `parts` (without any it is taken as it is);
    `remedy` (may be empty) is a short imperative, `usual` where none is given; `reason` is all of the message where
    none is given.
    """

    exit_code = 1
    is_retryable = False
    usual = ""

    def __init__(self, message: str, *parts: object, remedy: str = "", reason: str = "") -> None:
        self.message = Message(message, *parts) if parts else Message.of(message)
        self.remedy = Message.of(remedy or self.usual)
        self.reason = Message.of(reason or self.message)
        super().__init__(self.message)

    @property
    def line(self) -> Message:
        """Message and remedy."""
        return Message("{}; {}", self.message, self.remedy) if self.remedy else self.message

    def __str__(self) -> str:
        return str(self.line)


class UsageError(DockferryError):
    exit_code = 2


class NotFoundError(DockferryError):
    exit_code = 3


class AuthError(DockferryError):
    exit_code = 4


class NetworkError(DockferryError):
    """`asks_for_less`: the host has more connections of ours than it wants: 429, or refused while others work."""

    exit_code = 5
    is_retryable = True
    usual = Message("run the same command again later, or name another mirror with -r")

    def __init__(
        self, message: str, *parts: object, remedy: str = "", reason: str = "", asks_for_less: bool = False
    ) -> None:
        super().__init__(message, *parts, remedy=remedy, reason=reason)
        self.asks_for_less = asks_for_less


class ConnectError(NetworkError):
    usual = Message("check the network and the proxy, or name a mirror with -r")


class UnknownHostError(ConnectError):
    usual = Message("check the registry's address, DNS and the network, or name another mirror with -r")


class CertificateError(NetworkError):
    is_retryable = False


class BodyError(NetworkError):
    pass


class BusyError(NetworkError):
    """The host asks for time; `retry_after` is in seconds, None where it did not say."""

    def __init__(
        self,
        message: str,
        *parts: object,
        retry_after: Optional[float] = None,
        remedy: str = "",
        reason: str = "",
        asks_for_less: bool = False,
    ) -> None:
        super().__init__(message, *parts, remedy=remedy, reason=reason, asks_for_less=asks_for_less)
        self.retry_after = retry_after


class ReplyError(NetworkError):
    usual = Message("try another mirror with -r")


class RedirectError(ReplyError):
    is_retryable = False


class StorageError(ReplyError):
    """`number`: how often in a row, for this blob. Others may be well."""

    def __init__(self, message: str, *parts: object, remedy: str = "", reason: str = "", number: int = 1) -> None:
        super().__init__(message, *parts, remedy=remedy, reason=reason)
        self.number = number


class RequestError(ReplyError):
    is_retryable = False
    usual = Message("check the address and the name, or try another mirror with -r")


class ContentError(DockferryError):
    exit_code = 6


@contextlib.contextmanager
def remedied(remedy: str) -> Iterator[None]:
    """A ContentError from within that says no remedy gets this one: where it came from is known here alone."""
    try:
        yield
    except ContentError as error:
        error.remedy = error.remedy or Message.of(remedy)
        raise


class DiskError(DockferryError):
    exit_code = 7

    @classmethod
    def of(cls, verb: str, path: object, error: OSError, *, remedy: str = "") -> DiskError:
        """`error` met when trying to `verb` (write, read, sync, …) `path`.

        `remedy` where the one that fits the error, for a target, does not fit the path.
        """
        from .text import clean, shown_path  # not needed before something fails

        said = Message.of(error.strerror or "")  # the system's own, or one of ours
        if not said.parts:
            said = Message(clean(said or type(error).__name__))
        known = _DISK_REMEDIES.get(error.errno or 0, Message("check the disk and its permissions"))
        if getattr(error, "winerror", None) == _SHARING_VIOLATION:
            known = Message("another program has it open: close that, then run the same command again")
        where = path if isinstance(path, Message) else shown_path(path)
        return cls(Message("cannot {} {}: {}", Message(verb), where, said), remedy=remedy or known)

    @classmethod
    def changed(cls, what: object) -> DiskError:
        """What had been written to `what`, and proved, is not there any more."""
        return cls(Message("{} was changed or moved by another program", what), remedy="run again")


class Interrupted(DockferryError):
    exit_code = 130
