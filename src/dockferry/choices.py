"""Choices: what a caller may choose between, the same for Python and for the command line."""

from __future__ import annotations

MAX_THREADS = 20
"""Connections that one pull may have, and the most that it takes by itself."""
PROGRESS = ("auto", "bar", "plain", "json", "none")
LANGUAGES = ("auto", "en", "zh", "zh_CN")
"""`auto` is the language of the locale; `zh` is another name of `zh_CN`."""
FORMATS = ("docker", "oci", "oci-dir", "docker-legacy", "layers")
"""`docker`: the tar that every engine loads; `oci`: an OCI layout alone, as a tar; `oci-dir`: as a directory.

With plain layers: `docker-legacy`: the tar that engines before 20.10 load; `layers`: a tree, a tar for each layer."""
WITH_LAYERS = ("docker", "oci")
"""Forms that may have the tree beside them."""
