"""Buttons that lead to a repository on the web: its pages, its issues, a notebook in Colab.

They are links, and only there when ``fork`` in _config.yml names the repository.
"""

from sphinx.application import Sphinx
from sphinx.config import Config


def add_buttons(app: Sphinx, config: Config) -> None:
    """Give the theme the repository's address."""
    if config.fork:
        config.html_theme_options |= {
            "repository_url": config.fork,
            "repository_branch": "main",
            "use_repository_button": True,
            "use_issues_button": True,
            "launch_buttons": {"colab_url": "https://colab.research.google.com"},
        }


def setup(app: Sphinx) -> dict:
    """Register the extension."""
    app.add_config_value("fork", "", "html")
    app.connect("config-inited", add_buttons, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
