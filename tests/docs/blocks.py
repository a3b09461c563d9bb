"""The code blocks of a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

IN_THE_KERNEL = ("python", "ipython3")
OUTPUT = "text"
SHELL = "console"

_FENCE = re.compile(r"^(?P<fence>`{3,})(?P<info>.*)\n(?P<text>(?:.*\n)*?)(?P=fence)$", re.MULTILINE)
_CAPTION = re.compile(r":caption: *(\S+)\n\n?")


@dataclass(frozen=True)
class Block:
    """One code block.

    Attributes:
        language: What follows the fence.
        caption: The file that it is, "" if none.
        text: What is in it, with a line break at its end.
        start: Where the text begins in the page.
        follows: Whether nothing stands between the block before and this one.
    """

    language: str
    caption: str
    text: str
    start: int
    follows: bool

    @property
    def is_file(self) -> bool:
        return bool(self.caption)

    @property
    def is_cell(self) -> bool:
        return self.language in IN_THE_KERNEL and not self.is_file

    @property
    def is_output(self) -> bool:
        return self.language == OUTPUT and not self.is_file


def blocks_of(page: str) -> Iterator[Block]:
    """Return the code blocks of a page, in their order.

    Args:
        page: The page's text.
    """
    end = 0
    for found in _FENCE.finditer(page):
        follows = end > 0 and not page[end : found.start()].strip()
        end = found.end()
        language = found["info"].removeprefix("{code-block}").strip()
        if language.startswith("{"):
            continue  # another directive than code
        caption = _CAPTION.match(found["text"])
        begin = caption.end() if caption else 0
        name = caption[1] if caption else ""
        yield Block(language, name, found["text"][begin:], found.start("text") + begin, follows=follows)


@dataclass(frozen=True)
class Command:
    """One command of a console block, and what it prints according to the page."""

    line: str
    output: str

    @property
    def words(self) -> list[str]:
        return self.line.split()


def commands_of(block: Block) -> list[Command]:
    """Return the commands of a console block: each begins with ``$``, and may go on after a backslash.

    Args:
        block: The block.
    """
    pieces = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert pieces[0] == "", f"a console block begins with $: {block.text}"
    found = [re.match(r"((?:[^\n]*\\\n)*[^\n]*)\n(.*)\Z", piece, re.DOTALL) for piece in pieces[1:]]
    return [Command(each[1], each[2]) for each in found if each]


def comparable(output: str) -> str:
    """Return an output without what differs from run to run: times, seconds, identifiers, how far it settled.

    Args:
        output: The output, or a page's idea of it.
    """
    text = re.sub(r"\x1b\[[0-9;]*m", "", output)
    text = re.sub(r"((Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?\d{4}-\d\d-\d\d", "DATE", text)
    text = re.sub(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d{1,2} [A-Z][a-z][a-z]\b", "DATE", text)
    text = re.sub(r"\d\d:\d\d(:\d\d)?(\.\d+)?", "TIME", text)
    text = re.sub(r"<?\b[\d.]+ ?(m?s|min)\b", "SECONDS", text)
    text = re.sub(r"settled in SECONDS · |; not settled yet", "", text)
    text = re.sub(r"[\d,]+(?:\.\d+)? (left$|left[ \]]|more runs)", r"NUMBER \1", text, flags=re.MULTILINE)
    text = re.sub(r"demo-\d+|(?<=127\.0\.0\.1:)\d+", "NUMBER", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
