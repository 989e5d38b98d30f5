"""Child: the real command line in a process of its own, on this terminal, which can be interrupted as by Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from typing import Callable, Dict, Sequence

from .. import itself
from ..errors import DockferryError
from ..system.children import BREAK, GROUP_FLAGS

_POLL_SECONDS = 0.02
_END_SECONDS = 15.0


def run(arguments: Sequence[str], interrupt_when: Callable[[], bool], limit: float) -> int:
    """`dockferry ARGUMENTS…`; its exit code. Interrupted once, when `interrupt_when` first says so.

    Raises DockferryError when it takes longer than `limit` seconds. The child never outlives this call.
    """
    command = [*itself.command(), *arguments]
    with _interruptible(), subprocess.Popen(  # noqa: S603  # our own program
        command, creationflags=GROUP_FLAGS, env=_environment()
    ) as child:
        try:
            deadline = time.monotonic() + limit
            interrupted = False
            while child.poll() is None:
                if not interrupted and interrupt_when():
                    child.send_signal(BREAK)
                    interrupted = True
                if time.monotonic() > deadline:
                    raise DockferryError(
                        "wanted `dockferry {}` to end in {:.0f} s, it still ran", arguments[0], limit
                    )
                time.sleep(_POLL_SECONDS)
            return child.returncode
        finally:
            _end(child)


def _environment() -> Dict[str, str]:
    """Without the user's own settings; a proxy that is set for the outside world cannot reach our loopback."""
    kept = (name for name in os.environ if name == "DOCKFERRY_DEBUG" or not name.startswith("DOCKFERRY_"))
    environment = {name: os.environ[name] for name in kept}
    environment["DOCKFERRY_CONFIG"] = os.devnull
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = ",".join(filter(None, (environment.get(name), "127.0.0.1")))
    return environment


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()


class _interruptible:
    """While it lasts a child does not inherit "ignore interrupts", as background jobs of a shell do."""

    def __enter__(self) -> None:
        self._was_ignored = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        )
        if self._was_ignored:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def __exit__(self, *_: object) -> None:
        if self._was_ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
