"""A page as a person or a screen reader meets it: its elements, its text, and the error that belongs to a field."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
UNSEEN = {"script", "style", "template"}


class Element(dict[str, str]):
    """The attributes of an element; `text` is its text."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        super().__init__(attributes)
        self.tag = tag
        self.pieces: list[str] = []

    @property
    def text(self) -> str:
        """The text exactly as written."""
        return "".join(self.pieces)


class Page(HTMLParser):
    """Parsed HTML."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()

    @property
    def text(self) -> str:
        """The visible text, with single spaces."""
        return " ".join(self.find("body").text.split())

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """The elements that have this tag and these attributes; `data_rev` is data-rev. `class_`: has these classes."""
        classes = set(attributes.pop("class_", "").split())
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            one
            for one in self.elements
            if one.tag == tag and wanted.items() <= one.items() and classes <= set(one.get("class", "").split())
        ]

    def find(self, tag: str, **attributes: str) -> Element:
        """The only such element."""
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} of <{tag}> with {attributes}"
        return found[0]

    def error_of(self, field: str) -> str:
        """The error that is tied to a field, empty if there is none."""
        element = self.find("input", id=field)
        if f"{field}-error" not in element.get("aria-describedby", "").split():
            return ""
        assert element["aria-invalid"] == "true"
        return " ".join(self.find("p", id=f"{field}-error").text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser for elements such as `<path/>`."""
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """Called by the parser."""
        while self._open and self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Text belongs to every open element, unless it is invisible."""
        if not any(element.tag in UNSEEN for element in self._open):
            for element in self._open:
                element.pieces.append(data)
