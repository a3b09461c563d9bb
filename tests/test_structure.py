"""What holds for the source as text: sizes, threads, imports, global state and words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "evolink_nb"
FILES = sorted(PACKAGE.rglob("*.py"))

MAX_LINES = 300
MAX_FUNCTION_LINES = 40
MAX_ATTRIBUTES = 15
MAX_METHODS = 20
MAX_LOCAL_IMPORTS = 9
MIN_NAME, MAX_NAME = 20, 40

# Where more is better than a split, and why.
LONG_FILES = {
    "card/widget.py": "every trait of the live card, beside all that changes one",
    "credits.py": "a reading's values, and the arithmetic whose rounding all of them share",
    "notebook/magics.py": "every magic's options and help, in the one module that %load_ext imports",
    "metering/measurement.py": "one stretch of work from its first reading to its settled cost",
    "polling/fetcher.py": "the public face of a fetcher: every trait and method that users may use",
    "polling/reader.py": "every state of one reading loop, behind one lock",
    "runtime.py": "jobs and loops, with and without threads: the only module that may start any",
}
LARGE_CLASSES = {
    "card/widget.py:CreditsWidget": "a trait for each thing that the card shows",
    "demo/account.py:Account": "a method for each thing that an account can do, over `Balances` and `Tasks`",
    "demo/server.py:DemoServer": "passes on what tests ask of its account, faults and request log",
    "history/tables/records.py:CostRecord": "a column of the table each",
    "metering/measurement.py:Measurement": "what users read of a cost in one place; `Settlement` decides",
    "metering/attribution/work.py:Work": "the facts of one stretch of work, which the rules of its row read",
    "polling/fetcher.py:CreditsFetcher": "the public face: each method passes on to `Reader`",
    "polling/reader.py:Reader": "one lock guards the loop, the reads in flight and the subscribers",
}
# What a process has once: the one registry that a module may keep.
REGISTRIES = {
    "runtime.py:_forkable": "what to forget in a forked child, held weakly",
}


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions_in(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def classes_in(path: Path) -> Iterator[tuple[str, ast.ClassDef]]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ClassDef):
            yield f"{name_of(path)}:{node.name}", node


def test_files_are_short() -> None:
    long = {name_of(path): len(path.read_text().splitlines()) for path in FILES}
    assert {name: lines for name, lines in long.items() if lines > MAX_LINES and name not in LONG_FILES} == {}


def length_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of code, without the docstring."""
    first = function.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if is_docstring else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_functions_are_short() -> None:
    long = {
        f"{name_of(path)}:{function.name}": length_of(function)
        for path in FILES
        for function in functions_in(tree_of(path))
    }
    assert {name: lines for name, lines in long.items() if lines > MAX_FUNCTION_LINES} == {}


def attributes_of(node: ast.ClassDef) -> set[str]:
    """The names that its methods assign to ``self``, or that it declares as fields."""
    assigned = {
        target.attr
        for target in ast.walk(node)
        if isinstance(target, ast.Attribute)
        and isinstance(target.ctx, ast.Store)
        and isinstance(target.value, ast.Name)
        and target.value.id == "self"
    }
    declared = {
        statement.target.id
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }
    return assigned | declared


def test_classes_are_small() -> None:
    large = {}
    for path in FILES:
        for name, node in classes_in(path):
            methods = sum(isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) for child in node.body)
            attributes = len(attributes_of(node))
            if (methods > MAX_METHODS or attributes > MAX_ATTRIBUTES) and name not in LARGE_CLASSES:
                large[name] = f"{methods} methods, {attributes} attributes"
    assert large == {}


STARTERS = {"Thread", "Timer", "ThreadPoolExecutor", "ProcessPoolExecutor", "to_thread", "run_in_executor"}


def called(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else None


def test_only_runtime_starts_threads() -> None:
    starting = {
        name_of(path) for path in FILES if any(called(node) in STARTERS for node in ast.walk(tree_of(path)))
    }
    assert {name for name in starting if not name.startswith("demo/")} == {"runtime.py"}


def local_imports(path: Path) -> set[str]:
    return {
        f"{name_of(path)}:{node.lineno}"
        for function in functions_in(tree_of(path))
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }


def test_few_imports_are_in_functions() -> None:
    found = {place for path in FILES for place in local_imports(path) if not place.startswith("demo/")}
    assert len(found) <= MAX_LOCAL_IMPORTS, sorted(found)


def globals_rebound(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield from node.names


def containers_held(tree: ast.Module) -> Iterator[str]:
    """The module's variables that are named as variables, not as constants, and hold a container."""
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not is_container(node.value):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        yield from (name for name in names if not name.isupper() and not name.startswith("__"))


def is_container(value: ast.expr | None) -> bool:
    containers = {"list", "dict", "set", "defaultdict", "deque", "Counter", "OrderedDict"}
    return isinstance(value, ast.List | ast.Dict | ast.Set) or (
        value is not None and (called(value) in containers or str(called(value)).startswith("Weak"))
    )


def test_no_module_has_mutable_globals() -> None:
    found = set()
    for path in FILES:
        tree = tree_of(path)
        found |= {f"{name_of(path)}:{name}" for name in (*globals_rebound(tree), *containers_held(tree))}
    assert found - set(REGISTRIES) == set()


def docstrings_in(tree: ast.Module) -> Iterator[str]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return (ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented))


def test_docstrings_begin_as_expected() -> None:
    """A Python reader expects "Return …", and "Raise …", not what is given or told."""
    sources = [*FILES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    begun = [text for path in sources for text in docstrings_in(tree_of(path))]
    assert [text for text in begun if re.match(r"(Give|Tell)s?\b", text)] == []


# In pieces, so that this file is searched too.
METAPHORS = ["ro" + "om", "ro" + "oms", "flo" + "or", "flo" + "ors", "front " + "door"]


def text_files() -> Iterator[Path]:
    for folder in (PACKAGE, ROOT / "tests"):
        yield from (
            path for path in folder.rglob("*") if path.suffix in {".py", ".js", ".css", ".html", ".txt"}
        )
    yield from (ROOT / name for name in ("CONTRIBUTING.md", "README.md", "pyproject.toml", "Makefile"))


def test_no_metaphor_stands_for_a_module() -> None:
    pattern = re.compile(rf"\b({'|'.join(METAPHORS)})\b", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in text_files()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_test_names_are_short() -> None:
    """The sentence that a test proves goes into its docstring."""
    names = {
        function.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for function in functions_in(tree_of(path))
        if function.name.startswith("test_")
    }
    assert {name for name in names if not MIN_NAME <= len(name) <= MAX_NAME} == set()
