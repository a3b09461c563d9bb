"""What the extension leaves in a shell: nothing before it is loaded and after it is unloaded."""

from __future__ import annotations

import json
from typing import Any

# What a shell holds of ours, in every place where an extension can leave something.
TRACES = """
import json, sys, threading
ip = get_ipython()
print(json.dumps({
    "magics": sorted(n for kind in ip.magics_manager.magics.values() for n in kind if "evolink" in n),
    "registry": sorted(n for n in ip.magics_manager.registry if "evolink" in n.lower()),
    "configurables": [type(c).__name__ for c in ip.configurables if "evolink" in type(c).__module__],
    "events": [
        name for name, fs in ip.events.callbacks.items() for f in fs if "evolink" in repr(f).lower()
    ],
    "completers": sorted(n for n in ip.strdispatchers["complete_command"].strs if "evolink" in n),
    "hooks": sum(len(ip.strdispatchers["complete_command"].strs[n].chain)
                 for n in ip.strdispatchers["complete_command"].strs if "evolink" in n),
    "transformers": [f.__name__ for f in ip.input_transformers_cleanup + ip.input_transformers_post
                     if "evolink" in repr(f).lower()],
    "ast_transformers": [type(t).__name__ for t in ip.ast_transformers if "evolink" in repr(t).lower()],
    "formatters": sorted(
        # A type that was shown once is held itself, before that by its name.
        f"{kind}: {type_ if isinstance(type_, tuple) else (type_.__module__, type_.__name__)}"
        for kind, formatter in
        [*ip.display_formatter.formatters.items(), ("bundle", ip.display_formatter.mimebundle_formatter),
         ("display", ip.display_formatter.ipython_display_formatter)]
        for type_ in [*formatter.type_printers, *formatter.deferred_printers] if "evolink" in str(type_)),
    "threads": sorted(t.name for t in threading.enumerate() if "evolink" in t.name),
    "names": sorted(n for n in ip.user_ns if "evolink" in n.lower()),
}))
"""
NOTHING: dict[str, Any] = {
    "magics": [],
    "registry": [],
    "configurables": [],
    "events": [],
    "completers": [],
    "hooks": 0,
    "transformers": [],
    "ast_transformers": [],
    "formatters": [],
    "threads": [],
    "names": [],
}
LOADED = NOTHING | {
    # The balance and the cell magic share a name.
    "magics": [
        "evolink_budget",
        "evolink_costs",
        "evolink_credits",
        "evolink_credits",
        "evolink_history",
        "evolink_login",
        "evolink_track",
    ],
    "registry": ["EvoLinkMagics"],
    "configurables": ["EvoLinkMagics"],
    "completers": [
        "%%evolink_credits",
        "%evolink_budget",
        "%evolink_costs",
        "%evolink_credits",
        "%evolink_history",
        "%evolink_login",
        "%evolink_track",
    ],
    "hooks": 7,
    "transformers": ["line_as_call"],
    "ast_transformers": ["CodeStart"],
    "events": ["pre_execute", "pre_run_cell", "post_execute", "post_execute", "post_run_cell"],
    "formatters": [
        "bundle: ('evolink_nb.credits', 'Credits')",
        "display: ('evolink_nb.card.unseen', 'SilentUnseen')",
    ],
}


def traces(text: str) -> dict[str, Any]:
    """Read what the cell ``TRACES`` printed."""
    found: dict[str, Any] = json.loads(text)
    return found
