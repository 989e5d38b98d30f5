"""The site: built strictly, whole in both languages, with no link that leads nowhere and nothing from other hosts."""

from __future__ import annotations

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Dict, List, Set, Tuple
from urllib.parse import unquote, urlsplit

import pytest
from support.pages import ROOT, english_pages


class Links(HTMLParser):
    """A page's links, what it loads, and the places in it."""

    def __init__(self) -> None:
        super().__init__()
        self.links: List[str] = []
        self.loads: List[str] = []
        self.places: Set[str] = set()
        self.language = ""

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places.update(given[name] for name in ("id", "name") if name in given)
        if tag == "html":
            self.language = given.get("lang", "")
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in ("script", "img", "source", "iframe") and "src" in given:
            self.loads.append(given["src"])
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preconnect", "preload"):
            self.loads.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make docs` builds it: a warning is an error. The way out is shut: all proxies are dead."""
    folder = tmp_path_factory.mktemp("site")
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, **nowhere},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def read(site: Path) -> Dict[Path, Links]:
    """Every page of the site."""
    found: Dict[Path, Links] = {}
    for path in sorted(site.rglob("*.html")):
        found[path] = Links()
        found[path].feed(path.read_text(encoding="utf-8"))
    return found


def test_every_page_is_there_in_both_languages(site: Path, read: Dict[Path, Links]) -> None:
    """Under the same name, and each says which language it is in."""
    for page in english_pages():
        name = f"{page.stem}.html"
        assert read[site / name].language == "en"
        assert read[site / "zh" / name].language == "zh"


def test_a_page_leads_to_itself_in_the_other_language(site: Path, read: Dict[Path, Links]) -> None:
    """Who arrives at the wrong one finds the right one."""
    for page in english_pages():
        name = f"{page.stem}.html"
        assert any(link.endswith(f"zh/{name}") for link in read[site / name].links), name
        assert any(link in (f"../{name}", f"./../{name}") for link in read[site / "zh" / name].links), name


def test_internal_links_lead_somewhere(site: Path, read: Dict[Path, Links]) -> None:
    """To a file of the site, and to a place that the page has; and so it is with what pages load."""
    for path, links in read.items():
        if path.name == "404.html":  # its links begin at the root of a host
            continue
        for link in (*links.links, *links.loads):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = Path(os.path.normpath(path.parent / unquote(parts.path))) if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.exists(), f"{path.relative_to(site)}: {link}"
            if parts.fragment and target in read:
                assert unquote(parts.fragment) in read[target].places, f"{path.relative_to(site)}: {link}"


def test_nothing_is_loaded_from_another_host(site: Path, read: Dict[Path, Links]) -> None:
    """The site can be read behind an air gap, and nobody is told of its readers."""
    for path, links in read.items():
        outside = [link for link in links.loads if urlsplit(link).netloc]
        assert not outside, f"{path.relative_to(site)}: {outside}"


def test_the_navigation_is_in_the_readers_language(site: Path) -> None:
    """No heading of it is left in English on a Chinese page."""
    text = (site / "zh" / "index.html").read_text(encoding="utf-8")
    for title in ("Tasks", "Behind mirrors", "Look it up", "Troubleshooting", "How it works"):
        assert f"> {title} <" not in " ".join(text.split()), title
