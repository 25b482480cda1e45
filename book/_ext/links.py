"""Derive every address of the book from the one in _config.yml (repository.url)."""

from urllib.parse import urlsplit


def site_of(repository: str) -> str:
    """Address of the built book: the GitHub Pages site that belongs to a repository."""
    owner, name = urlsplit(repository).path.strip("/").split("/")[:2]
    return f"https://{owner}.github.io/{name}/"


def derive(app, config) -> None:
    repository = config.html_theme_options["repository_url"].rstrip("/")
    branch = config.html_theme_options["repository_branch"]
    config.html_baseurl = config.ogp_site_url = site_of(repository)
    # MyST pages write {{ repository }} and {{ colab }}, never an address.
    colab = f"https://colab.research.google.com/github/{urlsplit(repository).path.strip('/')}/blob/{branch}/notebooks"
    config.myst_substitutions = {**config.myst_substitutions, "repository": repository, "colab": colab}


def setup(app):
    app.connect("config-inited", derive, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
