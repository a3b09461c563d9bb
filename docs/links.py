"""Links from a name where it is defined to the place where it is documented, under its public name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import evolink_nb

if TYPE_CHECKING:
    from docutils.nodes import Element, reference
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment


def resolve_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: Element
) -> reference | None:
    """Return a link to a class by its public name; annotations name it by its module.

    Args:
        app: The build.
        env: What it has read.
        node: The reference that was not resolved.
        content: The text of the link.
    """
    name = node.get("reftarget", "").rpartition(".")[2]
    if node.get("refdomain") != "py" or name not in evolink_nb.__all__:
        return None
    target = f"evolink_nb.{name}"
    domain = env.domains.python_domain
    found: reference | None = domain.resolve_xref(
        env, node["refdoc"], app.builder, "obj", target, node, content
    )
    return found
