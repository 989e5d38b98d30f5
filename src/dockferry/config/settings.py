"""Settings: flags before environment before file before default, merged into one frozen value: pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional

from ..errors import UsageError
from ..message import Message
from .checks import from_text
from .document import Document, Mirrored
from .table import BY_NAME, MANUAL_NAMES, SETTINGS

if TYPE_CHECKING:
    from ..transfer.retry import RetryPolicy
    from ..transfer.sharing import Sharing

DEFAULT = Message("default")


@dataclass(frozen=True)
class Settings:
    """The settings in force, as the table has them. Times in seconds, sizes in bytes.

    `sources` says of each where it comes from: a flag, a variable, a file's path, or DEFAULT.
    """

    threads: Optional[int]
    retries: int
    retry_base: float
    retry_max: float
    connect_timeout: float
    first_byte_timeout: float
    idle_timeout: float
    piece_size: Optional[int]
    share_from: Optional[int]
    proxy: Optional[str] = field(repr=False)
    ca_cert: Optional[str]
    progress: str
    lang: str
    registries: Mapping[str, Mirrored]
    sources: Mapping[str, str]

    def where(self, name: str) -> str:
        """For messages: the flag or variable that set `name`, or the file and its key."""
        source = self.sources[name]
        return source if source in (BY_NAME[name].flag, BY_NAME[name].variable) else f"{source}: {name}"

    def maybe_retry(self) -> Optional[RetryPolicy]:
        """The policy that the user settled; None where nothing of it was.

        A number of tries that is settled is for a host that was never reached, too.
        """
        from ..transfer.retry import RetryPolicy

        if all(self.sources[name] == DEFAULT for name in ("retries", "retry_base", "retry_max")):
            return None
        policy = RetryPolicy(self.retries, self.retry_base, self.retry_max)
        return policy if self.sources["retries"] == DEFAULT else replace(policy, contact=None)

    def maybe_sharing(self) -> Optional[Sharing]:
        """How layers are shared between connections, as the user settled it; None where nothing of it was."""
        from ..transfer.sharing import Sharing

        if self.piece_size is None and self.share_from is None:
            return None
        return Sharing(self.piece_size, self.share_from or 0)


def merge(flags: Mapping[str, Any], environment: Mapping[str, str], document: Document) -> Settings:
    """`flags` are checked values by setting's name, without those that were not given.

    An empty variable counts as none. Raises UsageError for a variable that cannot be meant, or has the manual's name
    for a setting.
    """
    _refuse_other_names(environment)
    values: Dict[str, Any] = {}
    sources: Dict[str, str] = {}
    for setting in SETTINGS:
        name, variable = setting.name, setting.variable
        if name in flags:
            values[name], sources[name] = flags[name], setting.flag
        elif environment.get(variable):
            values[name], sources[name] = from_text(setting, environment[variable], variable), variable
        elif name in document.values:
            values[name], sources[name] = document.values[name], document.path
        else:
            values[name], sources[name] = setting.default, DEFAULT
    return Settings(**values, registries=document.registries, sources=sources)


def _refuse_other_names(environment: Mapping[str, str]) -> None:
    """As in the file: what is set under the manual's own name would be set in vain."""
    for name, ours in MANUAL_NAMES.items():
        variable = f"DOCKFERRY_{name.upper()}"
        if environment.get(variable):
            known = ", ".join(BY_NAME[one].variable for one in ours)
            fix = Message("did you mean {}?", known)
            raise UsageError("{}: wanted a setting, got no such variable", variable, remedy=fix)
