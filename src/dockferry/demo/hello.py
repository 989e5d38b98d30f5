"""Hello: a Linux program of a few hundred bytes, written out by hand, so that a made image can be run anywhere.

It writes its message to standard output and exits with 0. It needs no compiler to make, no libc and no other file.
"""

from __future__ import annotations

import struct
from typing import Callable, Dict, Tuple

_BASE = 0x400000
_HEADERS = 64 + 56  # ELF header and one program header (System V ABI, chapter 4 and 5)


def hello(architecture: str, message: bytes) -> bytes:
    """A static ELF executable for Linux on `architecture` (one of PROGRAMS); `message` below 64 KiB."""
    machine, code = PROGRAMS[architecture]
    body = code(len(message)) + message
    size = _HEADERS + len(body)
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)  # 64 bit, little-endian, version 1
    header = ident + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x10000)  # load all, read and execute
    return header + segment + body


def _amd64(length: int) -> bytes:
    """write(1, message, length); exit(0), the message standing right behind."""
    return b"".join(
        (
            b"\xb8\x01\x00\x00\x00",  # mov eax, 1 (write)
            b"\xbf\x01\x00\x00\x00",  # mov edi, 1
            b"\x48\x8d\x35\x10\x00\x00\x00",  # lea rsi, [rip + 16]
            b"\xba" + struct.pack("<I", length),  # mov edx, length
            b"\x0f\x05",  # syscall
            b"\xb8\x3c\x00\x00\x00",  # mov eax, 60 (exit)
            b"\x31\xff",  # xor edi, edi
            b"\x0f\x05",  # syscall
        )
    )


def _arm64(length: int) -> bytes:
    """The same: every instruction is one 32-bit word."""
    return struct.pack(
        "<8I",
        0xD2800020,  # mov x0, #1
        0x100000E1,  # adr x1, message (28 bytes on)
        0xD2800002 | length << 5,  # mov x2, #length
        0xD2800808,  # mov x8, #64 (write)
        0xD4000001,  # svc #0
        0xD2800000,  # mov x0, #0
        0xD2800BA8,  # mov x8, #93 (exit)
        0xD4000001,  # svc #0
    )


PROGRAMS: Dict[str, Tuple[int, Callable[[int], bytes]]] = {"amd64": (62, _amd64), "arm64": (183, _arm64)}
"""Architecture, in OCI's words, to its ELF machine number and the maker of its code."""
