"""A data set that is being read, at the top level or as an item, and its JSON so far."""

from collections import Counter
from itertools import accumulate, pairwise

from hilum.dicom.bulk_marks import count_marks
from hilum.dicom.elements import BulkElement, ElementPath, ProblemKind, ValueProblem
from hilum.dicom.memo import Context, Found, Run, tag_of


class DisorderedTags(Exception):
    """Tags at the top level do not ascend (PS3.5 7.1), so runs cannot be trusted."""


class Streak:
    """Elements in a row that were met before, on their way to become a run."""

    __slots__ = ("context", "elements", "first", "start")

    def __init__(self, raw: bytes, position: int, context: Context) -> None:
        """Start with the element `raw`, which lies at `position`."""
        self.first = raw
        self.context = context
        """Of the first element."""
        self.start = position + len(raw)
        """Where the element after the first starts."""
        self.elements: list[tuple[int, Found]] = []
        """The elements after the first, each with where it lies behind `start`."""


class Level:
    """Where in a data set the reader is, how it reads it, and what came of it so far."""

    __slots__ = (
        "context", "end", "is_disordered", "last_tag", "parts", "position", "remembers", "streak",
        "uses_runs",
    )  # fmt: skip

    def __init__(
        self, position: int, end: int, context: Context, *, uses_runs: bool, remembers: bool
    ) -> None:
        self.position = position
        self.end = end
        self.context = context
        self.uses_runs = uses_runs
        """At the top level, where tags ascend: look for runs, and learn them."""
        self.remembers = remembers
        """Remember plain elements one by one: not those of a sequence that is remembered whole."""
        self.parts: list[bytes] = []
        self.last_tag = -1
        self.is_disordered = False
        self.streak: Streak | None = None

    def json(self) -> bytes:
        """Return the JSON object of what was read."""
        return b"{" + b",".join(self.parts) + b"}"

    def put_in_order(self, bulk: list[BulkElement]) -> list[ValueProblem]:
        """Sort elements by tag, keep the last of equal ones (PS3.18 F.2.2), and report those.

        `bulk` are the elements that `parts` have marks for, if they have any: they follow.
        """
        latest = {tag_of(text): text for text in self.parts}
        times = Counter(map(tag_of, self.parts))
        marks = list(accumulate(map(count_marks, self.parts), initial=0))
        if marks[-1]:
            marked = {
                tag_of(text): bulk[start:stop]
                for text, (start, stop) in zip(self.parts, pairwise(marks), strict=True)
            }
            bulk[:] = [element for tag in sorted(marked) for element in marked[tag]]
        self.parts = [latest[tag] for tag in sorted(latest)]
        reason = "it occurs more than once; the last occurrence counts"
        return [
            ValueProblem(ElementPath((), tag), "", ProblemKind.DUPLICATE, reason)
            for tag in sorted(times)
            if times[tag] > 1
        ]


def matching_run(runs: tuple[Run, ...] | None, buffer: bytes, index: int) -> Run | None:
    """Return the first of `runs` whose bytes are in `buffer` at `index`."""
    if runs is not None:
        for run in runs:
            if buffer.startswith(run.tail, index):
                return run
    return None
