"""The history: readings and costs that outlive the kernel.

The package is callable: users call `evolink_nb.history(...)`, the function `looking_back.history`, and
importing any module of a package named ``history`` sets that same name.
"""

from __future__ import annotations

import sys
from types import ModuleType

from .looking_back import history


class _CallableModule(ModuleType):
    __call__ = staticmethod(history)


sys.modules[__name__].__class__ = _CallableModule
