"""A card's markup taken apart."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"br", "path", "meta", "link", "input", "img", "hr"}


class Element:
    """One element of a parsed page."""

    def __init__(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.text = ""


class Page(HTMLParser):
    """A parsed page: its elements, each with the text within; wrongly nested markup is refused."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(markup)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        element = Element(tag, dict(attrs))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def find(self, **attributes: str) -> Element:
        """The one element with these attributes; ``data_field`` stands for ``data-field``."""
        wanted = {name.strip("_").replace("_", "-"): value for name, value in attributes.items()}
        found = [element for element in self.elements if wanted.items() <= element.attributes.items()]
        assert len(found) == 1, f"{len(found)} elements with {wanted}"
        return found[0]

    def field(self, name: str) -> tuple[str, str | None]:
        """A field's text, and the unformatted number beside it."""
        element = self.find(data_field=name)
        return " ".join(element.text.split()), element.attributes.get("data-value")

    def row(self, name: str) -> str:
        """The words of a row of the table."""
        rows = [" ".join(element.text.split()) for element in self.elements if element.tag == "tr"]
        return next(row for row in rows if row.startswith(name))

    @property
    def cells(self) -> list[list[str]]:
        """The words of each cell of the table, row by row."""
        rows: list[list[str]] = []
        for element in self.elements:
            if element.tag == "tr":
                rows.append([])
            elif element.tag in {"th", "td"}:
                rows[-1].append(" ".join(element.text.split()))
        return rows

    @property
    def labels(self) -> list[str]:
        """What the facts of the strip are called."""
        return [element.text for element in self.elements if element.attributes.get("class") == "evo-label"]
