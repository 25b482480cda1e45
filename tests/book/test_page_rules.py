"""The checks of built pages, on small pages that break each rule: a check that never fires proves nothing."""

import page_rules
import pytest


def site(folder, body, head=""):
    """A built book of one chapter page."""
    (folder / "notebooks").mkdir()
    page = folder / "notebooks" / "61_small.html"
    page.write_text(f"<html><head>{head}</head><body><article>{body}</article></body></html>")
    return folder


@pytest.mark.parametrize(
    ("body", "head"),
    [
        ('<img alt="A red circle" src="https://example.org/a.png">', ""),
        ('<img alt="A red circle" src="//example.org/a.png">', ""),
        ('<iframe src="https://example.org"></iframe>', ""),
        ("", '<script src="https://example.org/a.js"></script>'),
        ("", '<link rel="stylesheet" href="https://example.org/a.css">'),
        ("<style>@import url(https://example.org/a.css);</style>", ""),
        ('<div style="background: url(https://example.org/a.png)"></div>', ""),
        ("<script>fetch('https://example.org/data')</script>", ""),
        ('<script type="module">import x from "https://example.org/x.js"</script>', ""),
        ('<script>const s = new Image(); s.src = "https://example.org/x.png"</script>', ""),
    ],
)
def test_remote_fetches_are_found(tmp_path, body, head):
    assert page_rules.remote_fetches(site(tmp_path, body, head)) != []


def test_links_that_a_reader_follows_are_no_fetches(tmp_path):
    body = '<a href="https://example.org">there</a><p>see https://example.org/a.png</p>'
    head = (
        '<link rel="canonical" href="https://example.org/"><meta property="og:url" content="https://example.org">'
    )
    assert page_rules.remote_fetches(site(tmp_path, body, head)) == []


def test_remote_fetches_in_style_sheets_and_scripts_are_found(tmp_path):
    (tmp_path / "a.css").write_text("@import 'https://example.org/b.css';")
    (tmp_path / "a.js").write_text("import('https://example.org/b.js')")
    assert len(page_rules.remote_fetches(site(tmp_path, ""))) == 2


@pytest.mark.parametrize(
    "body",
    [
        '<img src="a.png">',
        '<img src="a.png" alt="">',
        '<img src="a.png" alt="../_images/0123456789abcdef.png">',
        '<img src="a.png" alt="loss-curve.svg">',
        '<img src="a.png" alt="a plot">',
        "<svg><rect/></svg>",
    ],
)
def test_pictures_without_a_description_are_found(tmp_path, body):
    assert len(page_rules.missing_alt(site(tmp_path, body))) == 1


def test_described_and_hidden_pictures_pass(tmp_path):
    body = '<img src="a.png" alt="Loss falls over 300 steps"><svg aria-hidden="true"></svg>'
    body += '<svg role="img" aria-label="A mask"></svg><svg><title>A mask</title></svg>'
    assert page_rules.missing_alt(site(tmp_path, body)) == []


@pytest.mark.parametrize(
    "address", ["missing.html", "#nowhere", "61_small.html#nowhere", "../_static/missing.css"]
)
def test_broken_links_are_found(tmp_path, address):
    assert len(page_rules.broken_links(site(tmp_path, f'<a href="{address}">there</a>'))) == 1


def test_links_to_what_exists_pass(tmp_path):
    body = (
        '<p id="here"><a href="#here">a</a><a href="61_small.html?v=1#here">b</a><a href="mailto:a@b.c">c</a></p>'
    )
    assert page_rules.broken_links(site(tmp_path, body)) == []


def test_colab_button_must_lead_to_the_chapter_itself(tmp_path):
    address = "https://colab.research.google.com/github/a/b/blob/main/notebooks/61_small.ipynb"
    html = site(tmp_path, f'<a class="btn" href="{address}">Colab</a>')
    assert page_rules.missing_colab(html, "a/b") == []
    assert len(page_rules.missing_colab(html, "a/other")) == 1


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("https://github.com/a/b", 1),
        ("https://colab.research.google.com/github/a/b/blob/main/notebooks/x.ipynb", 1),
        ("https://github.com/a/b-other", 0),
        ("https://github.com/c/a/b", 0),
    ],
)
def test_links_to_a_repository_are_found(tmp_path, address, found):
    assert len(page_rules.links_to(site(tmp_path, f'<a href="{address}">there</a>'), "a/b")) == found


@pytest.mark.parametrize("body", ["<p>as shown [?]</p>", "<p>{cite:p}`x2020`</p>", "<p>\n:::{note}</p>"])
def test_unresolved_markup_is_found(tmp_path, body):
    assert len(page_rules.leftovers(site(tmp_path, body))) == 1


def test_markup_shown_as_code_passes(tmp_path):
    assert page_rules.leftovers(site(tmp_path, "<pre>{cite:p}`x`</pre><code>:::</code>")) == []


@pytest.mark.parametrize(("size", "found"), [(1_900_000, 0), (2_000_000, 1)])
def test_heavy_pages_are_found_with_their_images(tmp_path, size, found):
    html = site(tmp_path, '<img src="a.png"><img src="a.png"><img src="data:image/png;base64,xyz">')
    (html / "notebooks" / "a.png").write_bytes(b"x" * size)
    assert len(page_rules.heavy_pages(html)) == found
