"""Put paragraphs, rows of tables, text boxes and notes into the order in which a person reads them."""

import re

__all__ = ["Story"]


class _Paragraph:
    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.notes: list[str] = []
        self.boxes: list[str] = []

    def lines(self) -> list[str]:
        text = "".join(self.pieces)
        rows = (re.sub(r"[^\S\n\xa0]+", " ", row).strip() for row in text.split("\n"))
        return [row for row in rows if row] + self.notes + self.boxes


class Story:
    """Collects the lines of a text. A note follows the paragraph that refers to it with `[1]`, as in PDF books."""

    def __init__(self) -> None:
        self.sinks: list[list[str]] = [[]]
        self.open: list[_Paragraph] = []
        self.rows: list[list[list[str]]] = []
        self.carried: dict[int, _Paragraph] = {}
        self.numbers: list[int] = []
        self.count = 0
        self.written = 0

    def write(self, text: str) -> None:
        """Add text to the open paragraph. Without one, it is a line of its own."""
        self.written += len(text)
        if self.open:
            self.open[-1].pieces.append(text)
        elif text.strip():
            self.sinks[-1].append(text.strip())

    def begin_paragraph(self) -> None:
        """Begin a paragraph, or continue the one before if its end was deleted."""
        carried = self.carried.pop(len(self.sinks)) if len(self.sinks) in self.carried else None
        self.open.append(carried or _Paragraph())

    def end_paragraph(self, *, joined: bool = False) -> None:
        """End a paragraph.

        Args:
            joined: The next paragraph continues it.
        """
        if not self.open:
            return
        paragraph = self.open.pop()
        if joined:
            self.carried[len(self.sinks)] = paragraph
        else:
            self.sinks[-1] += paragraph.lines()

    def _begin(self) -> None:
        self.sinks.append([])

    def _end(self) -> list[str]:
        left = self.carried.pop(len(self.sinks), None)
        lines = self.sinks.pop() if len(self.sinks) > 1 else []
        return lines + left.lines() if left else lines

    def begin_box(self) -> None:
        """Begin a text box. Its text follows the paragraph that holds it."""
        self._begin()

    def end_box(self) -> None:
        """End a text box."""
        lines = self._end()
        if self.open:
            self.open[-1].boxes += lines
        else:
            self.sinks[-1] += lines

    def begin_note(self) -> None:
        """Begin a note: its number is written here, its text follows the paragraph."""
        self.count += 1
        self.numbers.append(self.count)
        self.write(f"[{self.count}]")
        self._begin()
        # Text of the note that is in no paragraph belongs to the note, not to the paragraph that refers to it.
        self.open.append(_Paragraph())

    def end_note(self) -> None:
        """End a note. A file may end more notes than it begins."""
        if not self.numbers:
            return
        loose = self.open.pop().lines() if self.open else []
        lines = self._end() + loose
        number = self.numbers.pop()
        note = f"[{number}] {' '.join(lines)}" if lines else ""
        if note and self.open:
            self.open[-1].notes.append(note)
        elif note:
            self.sinks[-1].append(note)

    def begin_row(self) -> None:
        """Begin a row of a table."""
        self.rows.append([])

    def end_row(self) -> None:
        """End a row: one line if no cell has more than one paragraph, else one line for each paragraph."""
        cells = self.rows.pop() if self.rows else []
        if all(len(cell) <= 1 for cell in cells):
            line = " ".join(cell[0] for cell in cells if cell)
            self.sinks[-1] += [line] if line else []
        else:
            self.sinks[-1] += [line for cell in cells for line in cell]

    def begin_cell(self) -> None:
        """Begin a cell."""
        self._begin()

    def end_cell(self) -> None:
        """End a cell."""
        lines = self._end()
        if self.rows:
            self.rows[-1].append(lines)
        else:
            self.sinks[-1] += lines

    def lines(self) -> list[str]:
        """End everything that is open, and return the lines."""
        while self.open:
            self.end_paragraph()
        while len(self.sinks) > 1:
            self.end_box()
        while self.rows:
            self.end_row()
        left = self.carried.pop(1, None)
        return self.sinks[0] + (left.lines() if left else [])

    def text(self) -> str:
        """Return the lines as one text."""
        return "\n".join(self.lines())
