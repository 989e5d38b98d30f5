"""Launcher: starts one program, waits for its end, and says what it cost. Run as a program of its own.

python -I -S launcher.py PIPE PROGRAM ARGUMENT...

The system tells no peak of memory below that of the process which a program was started from, by fork, vfork or spawn
alike. So that process is this one, which imports next to nothing. It writes two lines to the descriptor PIPE: the
program's process id; then, when it has ended, seconds, CPU seconds, peak memory (in the system's unit), bytes given
to write calls (-1: unknown) and the status as wait tells it.
"""

import os
import sys
import time


def main() -> None:
    pipe, command = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(pipe, False)
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        try:
            os.execvp(command[0], command)
        except OSError as error:
            os.write(2, f"{command[0]}: {error}\n".encode())
            os._exit(127)
    os.write(pipe, f"{child}\n".encode())
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    took = time.perf_counter() - began
    written = _written(child)  # which goes when the child is reaped
    _, status, usage = os.wait4(child, 0)
    cpu = usage.ru_utime + usage.ru_stime
    os.write(pipe, f"{took} {cpu} {usage.ru_maxrss} {written} {status}\n".encode())


def _written(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/io", "rb") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(b"wchar:"))
    except (OSError, StopIteration):
        return -1


if __name__ == "__main__":
    main()
