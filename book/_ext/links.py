"""Derive the address of the built book from the repository's, which stands in _config.yml (repository.url)."""

from urllib.parse import urlsplit


def site_of(repository: str) -> str:
    """Address of the GitHub Pages site that belongs to a repository."""
    owner, name = urlsplit(repository).path.strip("/").split("/")[:2]
    return f"https://{owner}.github.io/{name}/"


def derive(app, config) -> None:
    """Set what the sitemap and the link previews need, so that no second address stands in _config.yml."""
    config.html_baseurl = config.ogp_site_url = site_of(config.html_theme_options["repository_url"])


def setup(app):
    app.connect("config-inited", derive, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
