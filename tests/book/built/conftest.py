"""Every page of the built book, open in a browser, served from this machine."""

import threading
from functools import partial
from http.server import ThreadingHTTPServer

import pytest
from helpers.built_book import HTML, PAGES, Quiet, visit


@pytest.fixture(scope="module")
def address():
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(HTML))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module", params=PAGES)
def page(browser, address, request):
    page = visit(browser, address, request.param)
    yield page
    page.context.close()
