"""Processors: a container's share of them counts, however large the machine is."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Dict, Optional

import pytest

from dockferry.system.processors import cgroup_of, processors, quota_of


@pytest.mark.parametrize(
    ("words", "quota"),
    [
        ("max 100000\n", None),
        ("100000 100000\n", 1.0),
        ("150000 100000", 1.5),
        ("50000\n 100000\n", 0.5),
        ("-1\n 100000\n", None),
        *(
            (words, None)
            for words in ("", " ", "5", "1 2 3", "many 100000", "1 0", "0 1", "nan 1", "1 nan", "inf 1", "1 -1")
        ),
    ],
)
def test_a_quota_is_read_or_there_is_none(words: str, quota: Optional[float]) -> None:
    """Of both versions of cgroups; what is no quota limits nothing."""
    assert quota_of(words) == quota


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("0::/", ""),
        ("0::/a.slice/b", "a.slice/b"),
        ("4:cpu,cpuacct:/docker/x:y", "cpu/docker/x:y"),
        ("3:cpuset:/", None),
        ("2:cpuacct:/", None),
        ("9:name=systemd:/", None),
    ],
)
def test_the_group_is_found(line: str, place: Optional[str]) -> None:
    """The one of version 2, and of version 1 the one that limits processors."""
    assert cgroup_of(line) == (None if place is None else PurePosixPath(place))


@pytest.mark.parametrize(
    "files",
    [
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"},
        {
            "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/a/cpu.max": "100000 100000",
            "sys/fs/cgroup/a/b/cpu.max": "max 1",
        },
        {
            "proc/self/cgroup": "4:memory:/x\n1:cpu:/gone\n0::/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "20000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
    ],
    ids=["version 2", "a group above", "version 1"],
)
def test_a_share_of_one_processor_is_one(tmp_path: Path, files: Dict[str, str]) -> None:
    """Rounded up; of all groups that hold this process the least counts."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert processors(tmp_path) == 1


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system binds no processes")
def test_without_a_quota_all_that_it_is_bound_to(tmp_path: Path) -> None:
    """A system that has no cgroups, and a quota of far more than there is."""
    bound_to = len(os.sched_getaffinity(0))
    assert processors(tmp_path) == bound_to
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/\n")
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cpu.max").write_text("99900000 100000")
    assert processors(tmp_path) == bound_to
