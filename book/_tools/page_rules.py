"""What every built page has to keep to, as functions that return the violations they find (empty is good)."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

# Elements whose address the browser fetches by itself. A plain link is fetched only when a reader follows it.
FETCHING = {
    "script": ("src",), "img": ("src", "srcset"), "iframe": ("src",), "source": ("src", "srcset"),
    "video": ("src", "poster"), "audio": ("src",), "embed": ("src",), "object": ("data",), "track": ("src",),
    "use": ("href",), "image": ("href",),
}  # fmt: skip
FETCHED_LINKS = {
    "stylesheet",
    "preload",
    "modulepreload",
    "prefetch",
    "icon",
    "shortcut",
    "manifest",
    "dns-prefetch",
}
MAX_PAGE_BYTES = 2_000_000
REMOTE = re.compile(r"^(https?:)?//")
# In scripts, an address is a fetch only where it is handed to something that loads it.
SCRIPT_FETCH = re.compile(
    r"""(?:\bfetch|\bimport|importScripts|\.open)\s*\(\s*["'`](?:https?:)?//[^"'`]+"""
    r"""|\bfrom\s*["']https?://[^"']+"""
    r"""|\.(?:src|href)\s*=\s*["'`](?:https?:)?//[^"'`]+"""
)
STYLE_FETCH = re.compile(r"""(?:@import\s+["']?|url\(\s*["']?)((?:https?:)?//[^"')\s]+)""")


@cache
def soup(page: Path) -> BeautifulSoup:
    """A parsed page."""
    return BeautifulSoup(page.read_text(), "html.parser")


def pages(html: Path) -> list[Path]:
    """All pages of the book."""
    return sorted(path for path in html.rglob("*.html") if "_static" not in path.parts)


def article(page: Path) -> BeautifulSoup:
    """The page's own content, without the theme around it; the whole page where it has none."""
    return soup(page).find("article") or soup(page)


def remote_fetches(html: Path) -> list[str]:
    """Whatever a browser would fetch from elsewhere, in pages, style sheets and scripts."""
    found = []
    for page in pages(html):
        where = page.relative_to(html)
        for tag, names in FETCHING.items():
            for element in soup(page).find_all(tag):
                addresses = [element.get(name) or "" for name in names]
                found += [f"{where}: <{tag}> {address}" for address in addresses if REMOTE.match(address.strip())]
        for link in soup(page).find_all("link"):
            if FETCHED_LINKS & set(link.get("rel", [])) and REMOTE.match(link.get("href", "")):
                found.append(f"{where}: <link> {link['href']}")
        found += [f"{where}: style {address}" for address in STYLE_FETCH.findall(page.read_text())]
        for script in soup(page).find_all("script"):
            found += [f"{where}: script {match}" for match in SCRIPT_FETCH.findall(script.string or "")]
    for path in html.rglob("*.css"):
        found += [f"{path.relative_to(html)}: {address}" for address in STYLE_FETCH.findall(path.read_text())]
    for path in html.rglob("*.js"):
        found += [f"{path.relative_to(html)}: {match}" for match in SCRIPT_FETCH.findall(path.read_text())]
    return found


def missing_colab(html: Path, slug: str) -> list[str]:
    """Chapters whose launch button does not lead to their own notebook on Colab."""
    found = []
    for page in sorted((html / "notebooks").glob("*.html")):
        address = f"https://colab.research.google.com/github/{slug}/blob/main/notebooks/{page.stem}.ipynb"
        buttons = soup(page).select("a.btn, a.dropdown-item, .article-header-buttons a")
        if address not in [button.get("href") for button in buttons]:
            found.append(f"{page.name}: no Colab button to {address}")
    return found


def links_to(html: Path, slug: str) -> list[str]:
    """Links anywhere on a page, its frame included, to a repository on GitHub or to its notebooks on Colab."""
    return [
        f"{page.relative_to(html)}: {link['href']}"
        for page in pages(html)
        for link in soup(page).find_all("a", href=True)
        if re.search(rf"github(?:\.com)?/{re.escape(slug)}(?![\w.-])", link["href"])
    ]


def missing_alt(html: Path) -> list[str]:
    """Pictures without a description, or with a file's name for one."""
    found = []
    for page in pages(html):
        for image in article(page).find_all("img"):
            alt = (image.get("alt") or "").strip()
            if len(alt) < 10 or re.search(r"\.(png|svg|jpe?g|gif|webp)$|_images/|^<", alt):
                found.append(f"{page.relative_to(html)}: alt text {alt!r} of {image.get('src', '')[:60]}")
        for drawing in article(page).find_all("svg"):
            hidden = any(
                parent.get("aria-hidden") == "true" for parent in [drawing, *drawing.parents] if parent.name
            )
            named = drawing.get("aria-label") or drawing.get("aria-labelledby") or drawing.find("title")
            if not hidden and not named:
                found.append(f"{page.relative_to(html)}: an inline drawing without a description")
    return found


def broken_links(html: Path) -> list[str]:
    """Links and assets inside the book whose file, or whose anchor, does not exist."""
    found = []
    for page in pages(html):
        for element in soup(page).find_all(["a", "link", "script", "img"]):
            address = element.get("href") or element.get("src") or ""
            parts = urlsplit(address)
            if not address or parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                found.append(f"{page.relative_to(html)}: {address} does not exist")
            elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in anchors(target):
                found.append(f"{page.relative_to(html)}: {address} has no such anchor")
    return found


@cache
def anchors(page: Path) -> frozenset[str]:
    """All ids and names that a link can point to."""
    return frozenset(
        element[key] for key in ("id", "name") for element in soup(page).find_all(attrs={key: True})
    ) | {""}  # an empty fragment is the top of the page


def leftovers(html: Path) -> list[str]:
    """Markup that should have become something: an unresolved citation, a raw directive or role."""
    pattern = r"\[\?\]|^:{3,}|\{(?:cite|ref|numref|eq|doc|term)(?::\w+)?\}`|\{code-cell\}"
    found = []
    for page in pages(html):
        for code in (clone := BeautifulSoup(str(article(page)), "html.parser")).find_all(
            ["pre", "code", "script", "style"]
        ):
            code.decompose()
        found += [
            f"{page.relative_to(html)}: {text!r}" for text in re.findall(pattern, clone.get_text(), re.MULTILINE)
        ]
    return found


def heavy_pages(html: Path) -> list[str]:
    """Pages that, with their images, are larger than 2 MB."""
    found = []
    for page in pages(html):
        sources = {image["src"] for image in article(page).find_all("img", src=True)}
        files = {(page.parent / unquote(source)).resolve() for source in sources if not source.startswith("data:")}
        size = page.stat().st_size + sum(path.stat().st_size for path in files if path.is_file())
        if size > MAX_PAGE_BYTES:
            found.append(f"{page.relative_to(html)} has {size} bytes, expected at most {MAX_PAGE_BYTES}")
    return found


EVERY_PAGE = (remote_fetches, missing_alt, broken_links, leftovers, heavy_pages)
