"""Sphinx's settings; `docs.build` assembles the sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docs.links import resolve_public_name
from evolink_nb import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "evolink_nb"
author = "evolink_nb contributors"
copyright = author
version = release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["**/.*"]
# Single backticks in docstrings: a link where the name is known, else code.
default_role = "py:obj"
# Only our own names can be known: other projects' are looked up on the network.
nitpick_ignore_regex = [("py:obj", ".*"), (r"py:.*", r"(?!evolink_nb\b).*")]
# What signatures name and nobody types.
nitpick_ignore = [
    ("py:class", "evolink_nb.api.credentials.Secret"),
    ("py:class", "evolink_nb.metering.loops.reader.LoopTiming"),
    ("py:class", "evolink_nb.metering.metered.HasCost"),
]
suppress_warnings = ["config.cache"]

add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "smartquotes"]
myst_heading_anchors = 3
# No dashes: two hyphens begin an option.
smartquotes_action = "qe"

# The notebooks are shown as they were saved. A live card's saved form is the output after it.
nb_execution_mode = "off"
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
nb_ipywidgets_js: dict[str, object] = {}
nb_merge_streams = True

html_theme = "furo"
html_title = "evolink_nb"
html_static_path = ["_static"]
html_css_files = ["docs.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}


def setup(app: Sphinx) -> None:
    """Connect what the build needs beyond its settings."""
    app.connect("missing-reference", resolve_public_name)
