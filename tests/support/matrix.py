"""The fault matrix and the security rules: what each row injects and what must come of it.

A test says which rows it proves by `@pytest.mark.row(5)` and which rules by `@pytest.mark.rule(2)`;
docs/reliability.md is made from that by `make reliability`.
"""

from __future__ import annotations

from typing import Dict, List, Tuple

Rows = Dict[str, Tuple[str, str]]
"""By key: the fault, and the behaviour that is wanted."""

NETWORK: Rows = {
    "1": ("connection refused", "the next source in less than 1 s"),
    "2": ("black hole: no answer to a connection", "connect timeout, the source is demoted"),
    "3": ("reset in the middle of a body", "bytes kept, the rest asked for"),
    "4": ("short body, clean end of the connection", "noticed, the rest asked for"),
    "5": ("silence in the middle of a body", "idle timeout; the range goes to another connection"),
    "6": ("one byte a second", "a minimum rate; overtaken by the others"),
    "7": ("a link's bandwidth collapses", "the work moves to what is faster"),
    "8": ("wrong certificate", "a hard failure, never a downgrade"),
    "9": ("a name resolves to another address", "the address that was vetted is the one used"),
}
HTTP: Rows = {
    "10": ("200 to a Range request", "one stream, nothing twice in the archive"),
    "11": ("200 becomes 206 on the way", "each reply is judged on its own"),
    "12": ("206 with another Content-Range", "refused"),
    "13": ("206 with the right header and wrong bytes", "the source is found, named and left out"),
    "15": ("multipart/byteranges", "refused, asked for otherwise"),
    "16": ("416", "proved again, never success"),
    "17": ("400 to a Range request", "asked without Range"),
    "18": ("no length: chunks, or until the end", "the descriptor's size rules"),
    "19": ("two lengths, or a negative one", "refused"),
    "20": ("more bytes than the size", "not taken"),
    "22": (
        "429 with seconds, a date, nothing, nonsense, an absurd value",
        "waited in bounds, fewer connections",
    ),
    "23": ("bursts of 5xx", "back off, another source"),
    "24": ("redirects in a loop, to file:, from https to http", "refused"),
    "25": ("a signed URL expires", "made anew once, bytes kept"),
    "26": ("HEAD answered 401, 403, 405", "HEAD is never needed"),
}
AUTH: Rows = {
    "27": ("the token expires in the middle of a blob", "one new token for all connections"),
    "29": ("401 without a challenge", "that of /v2/ counts"),
    "30": ("401 without end", "the end after two"),
    "31": ("hostile realm", "no secret is sent"),
    "32": ("the clock is wrong by a day", "no effect"),
    "auth": ("token forms, POST and GET, BASIC, no expires_in, a mirror's scope", "all understood"),
}
CONTENT: Rows = {
    "33": ("a manifest that does not hash to its digest", "refused"),
    "34": ("an ambiguous manifest", "refused"),
    "35": ("HTML with 200 in a manifest's place", "the host is named"),
    "36": ("schema 1", "a clear error"),
    "37": ("a bad digest string", "refused before it is used"),
    "38": ("cycles and fan-out of indexes", "caps"),
    "39": ("empty and repeated layers", "a correct archive"),
    "types": ("a wrong Content-Type of a good manifest", "the body decides"),
}
DISK: Rows = {
    "40": ("ENOSPC at any write", "goes on later; no right-sized zeros are taken for data"),
    "41": ("fsync fails", "not trusted: the run fails"),
    "42": ("a short write", "written on"),
    "43": ("power loss", "no unsynced claim is believed"),
    "44": ("the journal zeroed, cut, from another version", "hashed again, what is good is kept"),
    "45": ("the unfinished file is edited", "noticed before it is published"),
    "46": ("the target exists, is a symlink, is read-only", "nothing is clobbered"),
}
PROCESS: Rows = {
    "47": ("SIGKILL at any write, rename, fsync", "the next run goes on"),
    "48": ("SIGKILL during a resume", "the next run goes on"),
    "50": ("two runs, one target", "the second says so and leaves"),
    "51": ("Ctrl-C", "prompt, state kept"),
    "52": ("too few file descriptors", "fewer connections"),
}
MIRRORS: Rows = {
    "53": ("a mirror has the manifest and answers 403 for a blob", "that blob comes from another"),
    "54": ("mirrors disagree on a tag", "one digest is pinned, the disagreement told"),
    "55": ("a mirror always corrupts", "left out, the others finish"),
    "56": ("all mirrors die, one comes back", "goes on"),
    "first byte": ("a long wait for the first byte", "no stall: the mirror fetches from upstream"),
    "ns": ("a mirror that breaks at ?ns=", "it is never sent"),
}
INPUT: Rows = {
    "57": ("../, CR LF, wide Unicode in names", "refused first"),
    "58": ("escape sequences in errors, tags, warnings", "stripped"),
    "59": ("a foreign Host or Origin at a server of ours (there is no web page yet)", "refused"),
}
PEERS: Rows = {
    "T1": ("token lives 2 s, slow link", "ok"),
    "T2": ("half of all bodies cut short", "ok"),
    "T3": ("30 % reset mid-body", "ok"),
    "T4": ("30 % stall for ever mid-body", "ok"),
    "T5": ("30 % carry one wrong bit", "ok"),
    "T6": ("Range ignored, bodies cut", "ok"),
    "T7": ("Range honoured now and then, cut", "ok"),
    "T8": ("Range answered 400, cut", "ok"),
    "T9": ("wrong Content-Range, cut", "ok"),
    "T10": ("429 past 2 connections", "ok"),
    "T11": ("40 % answered 503", "ok"),
    "T12": ("signed redirect lives 1 s, bodies cut, slow", "ok"),
}
RULES: Rows = {
    "1": ("credentials and token realms", "https, the registry's own party or a pinned host; bounded; no redirect"),
    "2": ("redirects", "by hand, at most 5, Accept and Range only, never weaker, never into a private network"),
    "3": ("Link and Location", "same origin, or refused"),
    "4": ("foreign layer urls", "never asked: the registry has the layer, or nobody"),
    "5": ("credentials by exact host and port", "no other host gets them"),
    "6": ("index or manifest", "what can be read as both is refused"),
    "7": ("digests as paths", "one strict form"),
    "8": ("one gate for success", "size and hash, or no archive"),
    "9": ("bombs", "identity encoding, raw reads, every document under a cap"),
    "10": ("archives that are read", "regular members, no links, no doubles, no .."),
    "11": ("control and bidi characters", "out of all remote text"),
    "12": ("secrets", "in no argv, log, output, journal; queries redacted"),
    "13": ("TLS", "never silently off"),
    "14": ("a server of ours", "loopback unless told otherwise, Host and Origin checked, no CORS; no web page yet"),
}
MATRIX: List[Tuple[str, str, Rows]] = [
    ("Network", "row", NETWORK),
    ("HTTP", "row", HTTP),
    ("Authorization", "row", AUTH),
    ("Content", "row", CONTENT),
    ("Disk", "row", DISK),
    ("Process", "row", PROCESS),
    ("Mirrors", "row", MIRRORS),
    ("Input", "row", INPUT),
    ("The twelve that other tools were tried with", "row", PEERS),
    ("Security rules", "rule", RULES),
]
"""Heading, the marker that tests use, rows."""
