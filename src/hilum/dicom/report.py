"""What a reader finds besides JSON: problems, bulk elements and the pixel data."""

from collections.abc import Sequence
from typing import Final

from hilum.dicom.elements import BulkElement, ElementPath, PixelDataSpan, ValueProblem
from hilum.dicom.vr import PIXEL_DATA_TAGS

_PROBLEMS_PER_ELEMENT: Final = 100
"""Problems reported under one top-level element; a sequence of thousands of bad items says no more
than its first hundred."""


class Report:
    """Collects findings of one data set; `path` is the item the reader is in."""

    __slots__ = ("_room", "bulk", "path", "pixel_data", "problems")

    def __init__(self) -> None:
        self.path: tuple[tuple[int, int], ...] = ()
        self.problems: list[ValueProblem] = []
        self.bulk: list[BulkElement] = []
        self.pixel_data: PixelDataSpan | None = None
        self._room = _PROBLEMS_PER_ELEMENT

    def add(
        self, problems: Sequence[ValueProblem], bulk: Sequence[BulkElement], position: int
    ) -> None:
        """Report what is relative to `position` and to the current path."""
        path = self.path
        if not path:
            self._room = _PROBLEMS_PER_ELEMENT
        for problem in problems[: self._room]:
            where, vr, kind, reason = problem
            if path:
                where = ElementPath(path + where.items, where.tag)
            self.problems.append(ValueProblem(where, vr, kind, reason))
        self._room = max(0, self._room - len(problems))
        if path:
            self.bulk += [
                BulkElement(
                    ElementPath(path + where.items, where.tag), vr, position + offset, length
                )
                for where, vr, offset, length in bulk
            ]
        else:
            self.bulk += [
                BulkElement(where, vr, position + offset, length)
                for where, vr, offset, length in bulk
            ]

    def add_pixel_data(self, span: PixelDataSpan) -> None:
        """Keep `span` if it is the pixel data of the data set, not of an icon in an item."""
        if span.tag in PIXEL_DATA_TAGS and not self.path:
            self.pixel_data = span

    def mark(self) -> tuple[int, int]:
        """Return the state that `since` takes."""
        if not self.path:
            self._room = _PROBLEMS_PER_ELEMENT
        return len(self.problems), len(self.bulk)

    def since(
        self, mark: tuple[int, int], position: int
    ) -> tuple[tuple[ValueProblem, ...], tuple[BulkElement, ...]] | None:
        """Return what was reported since `mark`, relative to `position` and the current path.

        None when not all problems were reported.
        """
        if self._room == 0:
            return None
        if mark == (len(self.problems), len(self.bulk)):
            return (), ()
        depth = len(self.path)
        problems = tuple(
            ValueProblem(_inner(problem.path, depth), problem.vr, problem.kind, problem.reason)
            for problem in self.problems[mark[0] :]
        )
        bulk = tuple(
            BulkElement(
                _inner(element.path, depth), element.vr, element.offset - position, element.length
            )
            for element in self.bulk[mark[1] :]
        )
        return problems, bulk


def _inner(path: ElementPath, depth: int) -> ElementPath:
    return ElementPath(path.items[depth:], path.tag)
