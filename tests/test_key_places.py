"""The key is in none of the places where a program's values end up.

`PLACES` is the table: what is looked at, and how. What a kernel sends and saves is in `tests/kernels`, and
`tests/api/test_failing_calls.py` has the tracebacks of failing calls.
"""

from __future__ import annotations

import copy
import csv
import dataclasses
import gc
import html
import inspect
import io
import json
import logging
import pickle
import pprint
import reprlib
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator
from types import FrameType, SimpleNamespace
from typing import NamedTuple

import httpx
import pytest
import requests
from IPython.core.interactiveshell import InteractiveShell
from IPython.lib.pretty import pretty
from ipywidgets import Widget
from ipywidgets.embed import embed_data

from evolink_nb import Credits, EvoLinkClient, EvoLinkError
from evolink_nb.api import credentials, settings
from evolink_nb.api.bearer import Header
from evolink_nb.api.credentials import Secret
from evolink_nb.card.widget import CreditsWidget
from evolink_nb.demo import DemoServer
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.secrecy import texts_in


class Scene(NamedTuple):
    """What there is to look at: everything that knows the key, used and failed once."""

    client: EvoLinkClient
    fetcher: CreditsFetcher
    reading: Credits
    widget: CreditsWidget
    secret: Secret
    header: Header
    request: requests.PreparedRequest
    answer: requests.Response
    answer_of_httpx: httpx.Response
    error: EvoLinkError
    log: pytest.LogCaptureFixture


class Place(NamedTuple):
    """A row: a place, and what is found there."""

    name: str
    look: Callable[[Scene], object]


def written(write: Callable[[io.StringIO], object]) -> str:
    """Return what is written to a file."""
    file = io.StringIO()
    write(file)
    return file.getvalue()


def unpicklable(value: object) -> str:
    """Return why something is not pickled."""
    with pytest.raises(TypeError) as caught:
        pickle.dumps(value)
    return str(caught.value)


def uncopied(value: object) -> object:
    """Return a deep copy, or why there is none."""
    try:
        return copy.deepcopy(value)
    except TypeError as error:
        return str(error)


def with_locals(error: BaseException) -> str:
    """Return a traceback with the variables of every frame."""
    lines = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(lines.format())


def frames_of(error: BaseException) -> list[FrameType]:
    """Return the frames of an error, from our first one on."""
    return [frame for frame, _ in traceback.walk_tb(error.__traceback__)][1:]


def bound(function: Callable[..., object], *arguments: object) -> object:
    return inspect.signature(function).bind(*arguments).arguments


def _session_of(scene: Scene) -> requests.Session:
    session = requests.Session()
    session.auth = scene.client.auth
    return session


def _entered(secret: Secret) -> object:
    login = credentials.Login()
    login.enter(secret)
    return login, vars(login)


def _other_frames() -> list[FrameType]:
    """Return every frame of the threads that are not this one, nor the simulated server's.

    A server knows the key that it is asked with, and may still be writing its last answer.
    """
    servers = {thread.ident for thread in threading.enumerate() if thread.name.startswith("evolink-nb-demo-")}
    skipped = {threading.get_ident(), *servers}
    stacks = [
        traceback.walk_stack(frame)
        for thread, frame in sys._current_frames().items()
        if thread not in skipped
    ]
    return [frame for stack in stacks for frame, _ in stack]


def _strings_of_ours(scene: Scene) -> list[str]:
    """What the garbage collector's containers of this package's own objects hold as text."""
    held = []
    for each in gc.get_objects():
        module = str(type(each).__module__)
        # The simulated account is a server's side.
        if module.startswith("evolink_nb.") and not module.startswith("evolink_nb.demo."):
            held += [part for part in gc.get_referents(each) if isinstance(part, str | bytes)]
    assert scene.client.base_url in held
    return [str.__str__(part) if type(part) is str else repr(part) for part in held]


def _in_shell(scene: Scene, source: str) -> str:
    shell = InteractiveShell.instance()
    shell.user_ns |= {"client": scene.client, "fetcher": scene.fetcher, "widget": scene.widget}
    printed = io.StringIO()
    before, sys.stdout = sys.stdout, printed
    try:
        result = shell.run_cell(source)
    finally:
        sys.stdout = before
        InteractiveShell.clear_instance()
    return f"{printed.getvalue()} {result.result!r} {result.error_in_exec!r}"


INSPECT = "print(get_ipython().object_inspect_text('client'))"

PLACES = [
    # the client
    Place("client: repr", lambda scene: repr(scene.client)),
    Place("client: str", lambda scene: str(scene.client)),
    Place("client: format", lambda scene: f"{scene.client}"),
    Place("client: vars", lambda scene: vars(scene.client)),
    Place("client: its parts' repr", lambda scene: [repr(value) for value in vars(scene.client).values()]),
    Place("client: all that attributes lead to", lambda scene: list(texts_in(scene.client))),
    Place("client: getmembers", lambda scene: repr(inspect.getmembers(scene.client))),
    Place("client: pprint", lambda scene: pprint.pformat(vars(scene.client))),
    Place("client: reprlib", lambda scene: reprlib.repr(scene.client)),
    Place("client: IPython's pretty", lambda scene: pretty(scene.client)),
    Place("client: IPython's ?", lambda scene: _in_shell(scene, INSPECT)),
    Place("client: pickle", lambda scene: unpicklable(scene.client)),
    Place("client: deepcopy", lambda scene: uncopied(scene.client)),
    Place("client: a dict of it", lambda scene: repr({"client": scene.client})),
    Place("client: a namespace of it", lambda scene: repr(SimpleNamespace(client=scene.client))),
    Place("client: json with default=str", lambda scene: json.dumps({"c": scene.client}, default=str)),
    Place("client: json with default=vars", lambda scene: json.dumps(vars(scene.client), default=repr)),
    Place("client: its identity", lambda scene: scene.client.identity),
    Place("client: its base URL", lambda scene: scene.client.base_url),
    Place("client: its own request", lambda scene: list(texts_in(scene.client._session._request))),
    Place("client: a session for a user's calls", lambda scene: list(texts_in(scene.client.session()))),
    # the auth object
    Place("auth: repr", lambda scene: repr(scene.client.auth)),
    Place("auth: vars", lambda scene: vars(scene.client.auth)),
    Place("auth: all that attributes lead to", lambda scene: list(texts_in(scene.client.auth))),
    Place("auth: pickle", lambda scene: unpicklable(scene.client.auth)),
    Place("auth: deepcopy", lambda scene: uncopied(scene.client.auth)),
    Place("auth: a session that has it", lambda scene: repr(vars(_session_of(scene)))),
    Place("auth: a call's arguments", lambda scene: bound(requests.post, "url", scene.client.auth)),
    # the secret
    Place("secret: repr", lambda scene: repr(scene.secret)),
    Place("secret: str", lambda scene: str(scene.secret)),
    Place("secret: format", lambda scene: f"{scene.secret!s:>40}"),
    Place("secret: pickle", lambda scene: unpicklable(scene.secret)),
    Place("secret: deepcopy", lambda scene: uncopied(scene.secret)),
    Place("secret: getmembers", lambda scene: repr(inspect.getmembers(scene.secret))),
    Place("secret: in a dataclass", lambda scene: repr(dataclasses.make_dataclass("D", ["s"])(scene.secret))),
    Place("secret: a connection's settings", lambda scene: repr(settings.connection(scene.secret))),
    Place("secret: an entered login", lambda scene: repr(_entered(scene.secret))),
    # the header of a user's request
    Place("header: repr", lambda scene: repr(scene.header)),
    Place("header: str", lambda scene: str(scene.header)),
    Place("header: format", lambda scene: f"{scene.header:>40}"),
    Place("header: percent", lambda scene: "%s" % scene.header),  # noqa: UP031 - a way of its own
    Place("header: added to", lambda scene: "header: " + scene.header),
    Place("header: joined", lambda scene: f"{scene.header}"),
    Place("header: cut", lambda scene: [scene.header[7:], scene.header.removeprefix("Bearer ")]),
    Place("header: split", lambda scene: scene.header.split()),
    Place("header: replaced", lambda scene: scene.header.replace("Bearer ", "")),
    Place("header: in other letters", lambda scene: [scene.header.lower(), scene.header.swapcase()]),
    Place("header: its letters", lambda scene: "".join(letter for letter in scene.header)),
    Place("header: as a page", lambda scene: html.escape(scene.header)),
    Place("header: as JSON", lambda scene: json.dumps(dict(scene.request.headers))),
    Place("header: as JSON, indented", lambda scene: json.dumps(dict(scene.request.headers), indent=1)),
    Place("header: as CSV", lambda scene: written(lambda file: csv.writer(file).writerow([scene.header]))),
    Place("header: printed", lambda scene: written(lambda file: print(scene.header, file=file))),
    Place("header: written", lambda scene: written(lambda file: file.write(scene.header))),
    Place("header: pickled", lambda scene: pickle.dumps(scene.header)),
    Place("header: copied", lambda scene: [copy.copy(scene.header), copy.deepcopy(scene.header)]),
    Place("header: as a mapping's key", lambda scene: json.dumps({scene.header: 1})),
    Place("header: its bytes' repr", lambda scene: repr(scene.header.encode())),
    Place("header: its bytes' bytes' repr", lambda scene: repr(bytes(scene.header.encode()))),
    Place("header: its bytes' text", lambda scene: scene.header.encode().decode()),
    Place("header: its bytes pickled", lambda scene: pickle.dumps(scene.header.encode())),
    # a user's request and its answer
    Place("request: repr", lambda scene: repr(scene.request)),
    Place("request: vars", lambda scene: repr(vars(scene.request))),
    Place("request: headers", lambda scene: [str(scene.request.headers), *scene.request.headers.items()]),
    Place("request: lower headers", lambda scene: list(scene.request.headers.lower_items())),
    Place("request: copied", lambda scene: repr(vars(scene.request.copy()))),
    Place("request: pickled", lambda scene: pickle.dumps(scene.request)),
    Place("answer: pickled", lambda scene: pickle.dumps(scene.answer)),
    Place("answer: its request's headers", lambda scene: json.dumps(dict(scene.answer.request.headers))),
    Place("answer: all that attributes lead to", lambda scene: list(texts_in(scene.answer))),
    Place("answer of httpx: its request", lambda scene: repr(vars(scene.answer_of_httpx.request))),
    Place("answer of httpx: headers", lambda scene: json.dumps(dict(scene.answer_of_httpx.request.headers))),
    Place("answer of httpx: raw headers", lambda scene: repr(scene.answer_of_httpx.request.headers.raw)),
    Place("answer of httpx: pickled", lambda scene: pickle.dumps(scene.answer_of_httpx)),
    Place("answer of httpx: all", lambda scene: list(texts_in(scene.answer_of_httpx))),
    # the error of a read
    Place("error: str", lambda scene: str(scene.error)),
    Place("error: repr", lambda scene: repr(scene.error)),
    Place("error: vars", lambda scene: repr(vars(scene.error))),
    Place("error: args", lambda scene: scene.error.args),
    Place("error: pickled", lambda scene: pickle.dumps(scene.error)),
    Place("error: as IPython shows it", lambda scene: scene.error._render_traceback_()),
    Place("error: traceback", lambda scene: "".join(traceback.format_exception(scene.error))),
    Place("error: traceback with variables", lambda scene: with_locals(scene.error)),
    Place("error: its frames", lambda scene: [repr(frame.f_locals) for frame in frames_of(scene.error)]),
    Place("error: what led to it", lambda scene: [scene.error.__cause__, scene.error.__context__]),
    Place("error: all that attributes lead to", lambda scene: list(texts_in(scene.error))),
    Place("error: the last one of the shell", lambda scene: _in_shell(scene, "import sys; sys.last_value")),
    # the log
    Place("log: everything down to DEBUG", lambda scene: scene.log.text),
    Place("log: its records", lambda scene: [repr(vars(record)) for record in scene.log.records]),
    # polling and the card
    Place("fetcher: repr", lambda scene: repr(scene.fetcher)),
    Place("fetcher: traits", lambda scene: repr(scene.fetcher.trait_values())),
    Place("fetcher: vars", lambda scene: repr(vars(scene.fetcher))),
    Place("fetcher: all that attributes lead to", lambda scene: list(texts_in(scene.fetcher))),
    Place("fetcher: pickle", lambda scene: unpicklable(scene.fetcher)),
    Place("fetcher: its message", lambda scene: [scene.fetcher.error, scene.fetcher.notice]),
    Place("reading: everything", lambda scene: [repr(scene.reading), scene.reading.to_dict()]),
    Place("card: state", lambda scene: repr(scene.widget.get_state())),
    Place("card: traits", lambda scene: repr(scene.widget.trait_values())),
    Place("card: what is displayed", lambda scene: scene.widget._repr_mimebundle_()),
    Place("card: a saved notebook's state", lambda scene: Widget.get_manager_state(widgets=[scene.widget])),
    Place("card: a page made of it", lambda scene: json.dumps(embed_data(views=[scene.widget]))),
    Place("card: IPython's pretty", lambda scene: pretty(scene.widget)),
    # the process
    Place("process: arguments", lambda _: sys.argv),
    Place("process: names of threads", lambda _: [thread.name for thread in threading.enumerate()]),
    Place("process: frames of all threads", lambda _: [repr(frame.f_locals) for frame in _other_frames()]),
    Place("process: all strings but the secret's", _strings_of_ours),
    Place("process: weak references", lambda scene: [repr(ref) for ref in weakref.getweakrefs(scene.client)]),
    Place("shell: who", lambda scene: _in_shell(scene, "get_ipython().run_line_magic('whos', '')")),
    Place("shell: a value", lambda scene: _in_shell(scene, "client, fetcher, widget")),
]  # fmt: skip


@pytest.fixture
def demo_server() -> Iterator[DemoServer]:
    """A server whose key no other test knows: what that left behind is not looked for."""
    with DemoServer(seed=4711) as server:
        yield server


@pytest.fixture
def scene(demo_server: DemoServer, caplog: pytest.LogCaptureFixture) -> Iterator[Scene]:
    """A client, and all that comes of it."""
    server = demo_server
    with caplog.at_level(logging.DEBUG), EvoLinkClient(server.key, base_url=server.url) as client:
        fetcher = CreditsFetcher(client, 3600)
        reading = fetcher.read()
        url = f"{server.url}/v1/images/generations"
        body = {"model": "z-image-turbo", "prompt": "a lighthouse"}
        answer = requests.post(url, auth=client.auth, json=body, timeout=10)
        answer_of_httpx = httpx.post(url, auth=client.auth, json=body)
        assert answer.ok
        assert answer_of_httpx.is_success
        echo = {"message": f"no such key: {server.key}", "code": 401}
        server.fault(status=401, text=json.dumps({"error": echo}))
        with pytest.raises(EvoLinkError) as caught:
            client.get_credits()
        # From our own code on: this function knows the key.
        error = caught.value.with_traceback(caught.tb.tb_next)
        widget = CreditsWidget(fetcher)
        header = answer.request.headers["Authorization"]
        assert isinstance(header, Header)
        secret = Secret(server.key)
        yield Scene(
            *(client, fetcher, reading, widget, secret, header, answer.request, answer, answer_of_httpx),
            error,
            caplog,
        )
        widget.close()


def shown(value: object) -> Iterator[str]:
    """Yield every way in which a value is seen, and those of its parts."""
    if isinstance(value, list | tuple):
        for part in value:
            yield from shown(part)
    elif isinstance(value, dict):
        yield from shown(list(value.items()))
    elif isinstance(value, bytes):
        yield bytes.decode(value, "latin-1")
    yield repr(value)
    yield str.__str__(value) if isinstance(value, str) else str(value)


GROUPS = sorted({place.name.partition(":")[0] for place in PLACES})


@pytest.mark.parametrize("group", GROUPS)
def test_the_key_is_in_no_place(group: str, scene: Scene, demo_server: DemoServer) -> None:
    tail = demo_server.key.removeprefix("sk-")
    for place in PLACES:
        if place.name.startswith(f"{group}:"):
            texts = list(shown(place.look(scene)))
            assert any(texts), place.name
            assert not [text[:200] for text in texts if tail in text], place.name


def test_what_is_looked_for_is_there(scene: Scene, demo_server: DemoServer) -> None:
    """The search would find a key that shows."""
    assert demo_server.key in "".join(shown({"key": [scene.secret.reveal()]}))
    assert demo_server.key in "".join(shown(scene.secret.reveal().encode()))
    assert len({place.name for place in PLACES}) == len(PLACES)
