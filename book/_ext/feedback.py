"""The last line of every page: report a mistake here.

The link opens an issue in which page and address are filled in; feedback.js adds the section in view. It needs the
address of the repository: while _config.yml holds the placeholder, the line says what to name, and to whom.
"""

from html import escape
from urllib.parse import urlencode

PLACEHOLDER = "ORG/REPO"


def line(page: str, title: str, repository: str) -> str:
    """One paragraph for a page such as "notebooks/34_flamingo"."""
    if PLACEHOLDER in repository:
        said = "Found a mistake? Name this page and the section to whoever gave you the book: "
        return f'<p class="feedback">{said}<code>{escape(page)}</code>.</p>'
    body = f"Page: {page}\nSection: \n\nWhat is wrong, and what would be right?\n"
    address = f"{repository}/issues/new?{urlencode({'title': f'Mistake: {title}', 'body': body})}"
    return f'<p class="feedback"><a href="{escape(address)}">Report a mistake on this page</a></p>'


def add_line(app, pagename, templatename, context, doctree) -> None:
    """Put the line behind the text of each page that has one."""
    if doctree is not None:
        address = app.config.html_theme_options.get("repository_url", PLACEHOLDER)
        context["body"] += line(pagename, context["title"], address)


def setup(app):
    app.connect("html-page-context", add_line)
    app.add_js_file("feedback.js", loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
