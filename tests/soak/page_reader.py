"""Read a page as a browser would: what is not closed, what it asks for, what people see."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "br", "wbr", "img", "hr", "input", "link"}


class Reader(HTMLParser):
    """Follow the tags of a page; remember what is open, ids, attributes, scripts and the text people see."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.seen: list[str] = []
        self.scripts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.seen.append(data)
        elif "script" in self.open:
            self.scripts.append(data)
