"""The last line of a page: where a mistake is reported."""

from urllib.parse import parse_qs, urlsplit

import feedback
from bs4 import BeautifulSoup


def link(repository):
    return BeautifulSoup(feedback.line("notebooks/34_flamingo", "Flamingo: <images>", repository), "html.parser").p


def test_the_link_opens_an_issue_that_names_the_page():
    address = urlsplit(link("https://github.com/some-one/vlm").a["href"])
    assert address.path == "/some-one/vlm/issues/new"
    fields = parse_qs(address.query)
    assert fields["title"] == ["Mistake: Flamingo: <images>"]
    assert "Page: notebooks/34_flamingo\nSection: \n" in fields["body"][0]


def test_without_an_address_there_is_no_link_that_leads_nowhere():
    assert link("https://github.com/ORG/REPO").a is None
    assert "notebooks/34_flamingo" in link("https://github.com/ORG/REPO").text
