"""The built book as tests in a browser see it: a server without a log, and a visit that notes what went wrong."""

from http.server import SimpleHTTPRequestHandler

import page_rules
from pairs import ROOT

HTML = ROOT / "_build" / "html"
# The entry of the book only leads on to the first page: a browser would be on its way while it is looked at.
FORWARDS = 'http-equiv="Refresh"'
PAGES = [
    path.relative_to(HTML).as_posix() for path in page_rules.pages(HTML) if FORWARDS not in path.read_text()[:500]
]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        """Tests print nothing for each request."""


def visit(browser, address, name, *, scripts=True):
    """Open a page; returns it with what it asked for elsewhere and what went wrong."""
    context = browser.new_context(viewport={"width": 1300, "height": 900}, java_script_enabled=scripts)
    page = context.new_page()
    page.remote, page.errors = [], []

    def route(request):
        if request.request.url.startswith((address, "data:", "blob:")):
            return request.continue_()
        page.remote.append(request.request.url)
        return request.abort()

    page.route("**/*", route)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on(
        "response", lambda answer: answer.status >= 400 and page.errors.append(f"{answer.status} {answer.url}")
    )
    page.goto(address + name, wait_until="load")
    if scripts:
        page.wait_for_function("!window.MathJax?.startup || MathJax.startup.promise.then(() => true)")
    return page
