"""Peers: who is compared with whom."""

from __future__ import annotations

from typing import Tuple

from blob_tools import CURL_FLOOR, OPENSSL_FLOOR, WGET, aria2c
from image_tools import CRANE, CTR, DOCKER, ORAS, OURS, PODMAN, REGCTL, SKOPEO
from peer import Peer

# Sixteen connections at once in either case: one for each layer, or all for the only one.
ARIA2C_MANY = aria2c("aria2c -j16", "-j16", "-x1", "-s1")
ARIA2C_ONE = aria2c("aria2c -x16 -s16", "-j2", "-x16", "-s16", "-k1M")
# A silent connection is given up as soon as ours does; by itself aria2c waits a minute.
ARIA2C_SOON = aria2c("aria2c -x16 -s16 -t5", "-j2", "-x16", "-s16", "-k1M", "-t5")
ARCHIVERS: Tuple[Peer, ...] = (CRANE, SKOPEO)
"""Who leave an archive, as we do."""
ALL_OTHERS: Tuple[Peer, ...] = (*ARCHIVERS, REGCTL, ORAS, PODMAN, DOCKER, CTR, WGET)
FLOORS: Tuple[Peer, ...] = (CURL_FLOOR, OPENSSL_FLOOR)
FEW = {OURS.program, "aria2c", "crane", "curl", "openssl", "dd"}
"""The programs that a quick look compares."""
