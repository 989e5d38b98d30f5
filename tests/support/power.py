"""Power: the changes that a pull makes to a disk, as the kernel saw them, and what a cut can leave of them.

Strategy: strace writes down every call with all its bytes. A change to a file is safe from the end of a sync of that
file which began after it; a change to a directory (a name made, moved, removed, linked) from that of the directory.
Of all else a cut keeps what it likes: `LEFT` holds the ways in which it does.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from .command import environment
from .require import require, require_namespaces

_CALLS = "openat,pwrite64,write,ftruncate,fsync,fdatasync,lseek"
_NAMES = "?rename,?renameat,?renameat2,?link,?linkat,?unlink,?unlinkat,?mkdir,?mkdirat,?rmdir"
_LINE = re.compile(r"^(\w+)\((.*)\) += (\d+)(<.*)?$")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_OPEN_FILE = re.compile(r"^\d+<((?:\\x[0-9a-f]{2})*)>")
_PAGE = 4096
_PROGRAM = """
import sys
from dockferry.cli.main import main
from dockferry.transfer import engine
engine._SYNC_MOST = engine._SYNC_LEAST = 0.1
sys.exit(main(sys.argv[1:]))
"""
"""The command line, only that it syncs ten times a second: a recording need not take minutes."""


@dataclass(frozen=True)
class Call:
    """A system call that went well, in the order of their ends; `begun` and `ended` say when, by lines of the log."""

    begun: int
    ended: int
    name: str
    paths: Tuple[Path, ...]
    data: bytes = b""
    place: int = -1


def record(directory: Path, argv: Sequence[str], kill: str = "", before: Sequence[Call] = ()) -> List[Call]:
    """Run `dockferry` in `directory`, in a boot of its own: what it did to the files below, after the calls `before`.

    `kill`: at which call it is killed, as strace has it.
    """
    require_namespaces()
    log, boot = directory.with_name("record.strace"), directory.with_name("boot")
    boot.write_text("another-boot\n")
    strace = [require("strace"), "-f", "-qq", "-xx", "-y", "-s", "10000000", "-o", str(log)]
    strace += ["-e", f"trace={_CALLS},{_NAMES}", *(["-e", f"inject={kill}"] if kill else ["--seccomp-bpf"])]
    mount = f'mount --bind {boot} /proc/sys/kernel/random/boot_id && exec "$@"'
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", mount, "sh", *strace, sys.executable, "-c", _PROGRAM, *argv],
        cwd=directory,
        env={**environment(directory), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == (-signal.SIGKILL if kill else 0), done.stderr
    with open(log, encoding="ascii") as lines:
        return [*before, *_calls(lines, directory, before[-1].ended + 1 if before else 0)]


def _calls(lines: Iterable[str], directory: Path, first: int) -> Iterator[Call]:
    begun: Dict[str, Tuple[int, str]] = {}
    for number, line in enumerate(lines, first):
        thread, _, text = line.rstrip("\n").partition(" ")
        text = text.lstrip()
        if text.endswith("<unfinished ...>"):
            begun[thread] = number, text[: -len("<unfinished ...>")].rstrip()
            continue
        start = number
        if text.startswith("<... "):
            start, first = begun.pop(thread)
            text = first + text.partition(" resumed>")[2]
        match = _LINE.match(text)
        if match:
            call = _call(start, number, directory, *match.groups())
            if call is not None:
                yield call


def _call(
    begun: int, ended: int, directory: Path, name: str, args: str, result: str, opened: Optional[str]
) -> Optional[Call]:
    strings = [bytes.fromhex(text.replace("\\x", "")) for text in _STRING.findall(args)]
    where = _OPEN_FILE.match(args)
    data, place = b"", -1
    if name == "openat":
        if "O_CREAT" not in args:
            return None
        paths, place = strings[:1], 0 if "O_TRUNC" in args else -1
    elif where:
        paths = [bytes.fromhex(where.group(1).replace("\\x", ""))]
        data = strings[0][: int(result)] if strings else b""
        if name in ("pwrite64", "ftruncate"):
            place = int(args.rpartition(", ")[2])
    else:
        paths, name = strings, re.sub(r"at2?$", "", name)
    found = tuple(Path(os.path.normpath(directory / os.fsdecode(path))) for path in paths)
    inside = all(path == directory or directory in path.parents for path in found)
    return Call(begun, ended, name, found, data, place) if inside else None


@dataclass(eq=False)
class _Change:
    """To a file: `data` at `place`, or for None the size `place`."""

    call: Call
    data: Optional[bytes]
    place: int
    is_safe: bool = False


@dataclass(eq=False)
class _File:
    changes: List[_Change] = field(default_factory=list)
    size: int = 0
    is_journal: bool = False


@dataclass(eq=False)
class _Naming:
    """To directories: `gone` names nothing any more, `made` names `file`, or for None a directory."""

    call: Call
    gone: Optional[Path]
    made: Optional[Path]
    file: Optional[_File]
    is_safe: bool = False


class Disk:
    """What `calls` did, and which of it is safe."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._names: Dict[Path, Optional[_File]] = {}
        self._namings: List[_Naming] = []
        self._files: List[_File] = []
        for call in calls:
            self._do(call)

    def _do(self, call: Call) -> None:
        name, path = call.name, call.paths[0]
        if name in ("fsync", "fdatasync"):
            self._sync(call)
        elif name == "openat":
            if path not in self._names:
                self._files.append(_File())
                self._name(call, None, path, self._files[-1])
            if call.place == 0:
                self._change(call, None, 0)
        elif name in ("pwrite64", "write"):
            file = self._names.get(path)
            if file is not None:
                self._change(call, call.data, call.place if name == "pwrite64" else file.size)
        elif name == "ftruncate":
            self._change(call, None, call.place)
        elif name in ("rename", "link"):
            self._name(call, path if name == "rename" else None, call.paths[1], self._names[path])
        elif name == "mkdir":
            self._name(call, None, path, None)
        elif name in ("unlink", "rmdir"):
            self._name(call, path, None, None)

    def _change(self, call: Call, data: Optional[bytes], place: int) -> None:
        file = self._names[call.paths[0]]
        assert file is not None
        file.is_journal = "journal" in call.paths[0].name
        file.size = place if data is None else max(file.size, place + len(data))
        file.changes.append(_Change(call, data, place))

    def _name(self, call: Call, gone: Optional[Path], made: Optional[Path], file: Optional[_File]) -> None:
        self._namings.append(_Naming(call, gone, made, file))
        if gone is not None:
            del self._names[gone]
        if made is not None:
            self._names[made] = file

    def _sync(self, call: Call) -> None:
        path = call.paths[0]
        file = self._names.get(path)
        for change in file.changes if file is not None else ():
            change.is_safe = change.is_safe or change.call.ended < call.begun
        for naming in self._namings:
            touched = [name.parent for name in (naming.gone, naming.made) if name is not None]
            naming.is_safe = naming.is_safe or (path in touched and naming.call.ended < call.begun)

    def left(self, way: str, luck: random.Random) -> Dict[Path, Optional[bytes]]:
        """What a power cut now leaves: each file's bytes, None for a directory. A file of two names is one object."""
        keeps_names, content = LEFT[way]
        unsafe = [naming for naming in self._namings if not naming.is_safe]
        kept = unsafe[: luck.randint(0, len(unsafe))] if keeps_names is None else unsafe if keeps_names else []
        names: Dict[Path, Optional[_File]] = {}
        for naming in self._namings:
            if naming.is_safe or naming in kept:
                if naming.gone is not None:
                    names.pop(naming.gone, None)
                if naming.made is not None:
                    names[naming.made] = naming.file
        known = {path for naming in self._namings for path in (naming.made,) if path and naming.file is None}
        reachable = {
            path: file
            for path, file in names.items()
            if all(parent in names for parent in path.parents if parent in known)
        }
        data = {file: content(file, luck) for file in self._files}
        return {path: None if file is None else data[file] for path, file in reachable.items()}


def _bytes_of(file: _File, keep: Callable[[_Change], Optional[bytes]], has_size: bool) -> bytes:
    data = bytearray()
    for change in file.changes:
        written = change.data if change.is_safe or change.data is None else keep(change)
        if change.data is None:
            if change.is_safe or has_size:
                data = data[: change.place] + bytes(max(0, change.place - len(data)))
            continue
        if written is None and not has_size:
            continue
        end = change.place + len(change.data)
        data += bytes(max(0, end - len(data)))
        if written is not None:
            data[change.place : end] = written
    return bytes(data)


def _nothing(file: _File, luck: random.Random) -> bytes:
    return _bytes_of(file, lambda change: None, False)


def _all(file: _File, luck: random.Random) -> bytes:
    return _bytes_of(file, lambda change: change.data, True)


def _sizes(file: _File, luck: random.Random) -> bytes:
    return _bytes_of(file, lambda change: None, True)


def _journal(file: _File, luck: random.Random) -> bytes:
    return _all(file, luck) if file.is_journal else _sizes(file, luck)


def _torn_journal(file: _File, luck: random.Random) -> bytes:
    if not file.is_journal or not file.changes or file.changes[-1].is_safe:
        return _journal(file, luck)
    data = _all(file, luck)
    cut = len(data) - len(file.changes[-1].data or b"") // 2
    return data[:cut] + bytes(len(data) - cut)


def _some(file: _File, luck: random.Random) -> bytes:
    """Page by page, as it falls; what no page brought is zeros."""

    def keep(change: _Change) -> bytes:
        data = bytearray(change.data or b"")
        for start in range(-(change.place % _PAGE), len(data), _PAGE):
            if luck.random() < 0.5:
                low, high = max(0, start), min(len(data), start + _PAGE)
                data[low:high] = bytes(high - low)
        return bytes(data)

    return _bytes_of(file, keep, True)


LEFT: Dict[str, Tuple[Optional[bool], Callable[[_File, random.Random], bytes]]] = {
    "nothing": (False, _nothing),
    "all": (True, _all),
    "names and sizes": (True, _sizes),
    "the journal": (True, _journal),
    "a torn journal": (True, _torn_journal),
    "some": (None, _some),
}
"""Of what is not safe: whether names stay (None: the first few), and which bytes do."""


def restore(left: Dict[Path, Optional[bytes]], recorded: Path, directory: Path) -> None:
    """Make `directory` be what was left of the `recorded` one."""
    made: Dict[int, Path] = {}
    for path in sorted(left):
        data, place = left[path], directory / path.relative_to(recorded)
        if data is None:
            place.mkdir()
        elif data and id(data) in made:
            os.link(made[id(data)], place)
        else:
            place.write_bytes(data)
            made[id(data)] = place
