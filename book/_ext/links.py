"""What follows from the repository's address, which stands in _config.yml (repository.url).

The address of the built book is derived from it. As long as it is the placeholder, links to it would lead nowhere:
the buttons on top are left out, so are Colab links, with the table column that holds nothing else, and of another
link the words remain.
"""

from urllib.parse import urlsplit

from docutils import nodes

PLACEHOLDER = "ORG/REPO"


def slug_of(config) -> str:
    """`owner/name` of the repository."""
    owner, name = urlsplit(config.html_theme_options["repository_url"]).path.strip("/").split("/")[:2]
    return f"{owner}/{name}"


def derive(app, config) -> None:
    """Set what the sitemap and the link previews need, so that no second address stands in _config.yml."""
    owner, name = slug_of(config).split("/")
    config.html_baseurl = config.ogp_site_url = f"https://{owner}.github.io/{name}/"
    if slug_of(config) == PLACEHOLDER:
        config.html_theme_options["use_repository_button"] = False
        config.html_theme_options["launch_buttons"] = {}


def leave_out_dead_links(app, doctree, docname) -> None:
    """Take out the links to the placeholder's address, and a table's last column when nothing is left in it."""
    if slug_of(app.config) != PLACEHOLDER:
        return
    for link in list(doctree.findall(nodes.reference)):
        if PLACEHOLDER in link.get("refuri", ""):
            on_colab = link["refuri"].startswith("https://colab.")
            link.replace_self([] if on_colab else link.children)
    for table in doctree.findall(nodes.tgroup):
        rows = [list(row.findall(nodes.entry)) for row in table.findall(nodes.row)]
        if rows and all(not row[-1].astext() for row in rows[1:]):
            for row in rows:
                row[-1].parent.remove(row[-1])
            table.remove(list(table.findall(nodes.colspec))[-1])
            table["cols"] -= 1


def setup(app):
    app.connect("config-inited", derive, priority=100)
    app.connect("doctree-resolved", leave_out_dead_links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
