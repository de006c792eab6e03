"""Write src/hilum/validation/iods.json: IODs, modules and attributes of PS3.3.

The tables come from the JSON of the standard that the package `dicom-standard` holds (PyPI, MIT,
made on 7 April 2020 from the edition then current), the conditions in it are read with the grammar
of `dicom-validator` (PyPI, MIT). Neither is needed to run Hilum. To write the file again:

uv run --no-project --with dicom-standard==0.1.0 --with dicom-validator==0.9.0 \
    python tools/iod_tables.py
"""

import json
import re
import sys
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.iods import by_hand
from tools.iods.conditions import Conditions
from tools.iods.texts import Terms, as_numbers, items, plain, requirement, term_lists

OUTPUT: Final = Path(__file__).parents[1] / "src" / "hilum" / "validation" / "iods.json"
SOURCE: Final = "dicom-standard 0.1.0 (PyPI), made from the edition current on 2020-04-07"
_IMAGE_TYPE: Final = "00080008"
_NUMBER_VRS: Final = frozenset({"US", "SS", "UL", "SL", "IS"})
_TEXT_VRS: Final = frozenset({"CS", "LO", "SH", "UI", "AE", "UC", "LT", "ST"})
_SECTION: Final = re.compile(r"sect_([A-Z0-9.]+)\.html")
_HEADING: Final = re.compile(r"<h\d>(.*?)</h\d>", re.DOTALL)


class Tables:
    """Everything that the file will hold, without repetition."""

    def __init__(self, folder: Path) -> None:
        def load(name: str) -> Any:  # noqa: ANN401 - JSON
            return json.loads((folder / f"{name}.json").read_text("utf-8"))

        self._attributes = {row["tag"].lower(): row for row in load("attributes")}
        self._references: dict[str, str] = load("references")
        names = {
            tag.upper(): {"name": row["name"], "vr": row["valueRepresentation"]}
            for tag, row in self._attributes.items()
        }
        self.conditions = Conditions(names)
        self._load = load
        self._nodes: dict[str, int] = {}
        self.nodes: list[list[Any]] = []
        """A level of a data set: [tag, type, condition, terms, items, fewest, most] each."""
        self._terms: dict[str, int] = {}
        self.terms: list[list[Any]] = []

    def tables(self) -> dict[str, Any]:
        """The whole file."""
        modules, module_places = self._tables("module")
        macros, macro_places = self._tables("macro")
        ciods: list[list[Any]] = []
        places = {}
        module_usages = self._usages("ciod_to_modules", "moduleId", module_places)
        macro_usages = self._usages("ciod_to_fg_macros", "macroId", macro_places)
        for row in self._load("ciods"):
            places[row["name"]] = len(ciods)
            ciods.append([row["name"], module_usages[row["id"]], macro_usages[row["id"]]])
        return {
            "source": SOURCE,
            "sop_classes": {
                row["id"]: places[row["ciod"]]
                for row in self._load("sops")
                if row["ciod"] in places
            },
            "iods": ciods,
            "modules": modules,
            "macros": macros,
            "conditions": self.conditions.rows,
            "terms": self.terms,
            "nodes": self.nodes,
        }

    def _tables(self, kind: str) -> tuple[list[list[Any]], dict[str, int]]:
        rows: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        for row in self._load(f"{kind}_to_attributes"):
            # Where the standard has an attribute twice in a table, the first row is the one that
            # its text speaks of.
            rows[row[f"{kind}Id"]].setdefault(row["path"], row)
        found: list[list[Any]] = []
        places: dict[str, int] = {}
        for row in self._load(f"{kind}s"):
            section = _SECTION.search(row["linkToStandard"])
            places[row["id"]] = len(found)
            node = self._node(list(rows[row["id"]].values()))
            found.append([row["name"], section[1] if section else "", node])
        return found, places

    def _usages(self, table: str, key: str, places: dict[str, int]) -> dict[str, list[list[Any]]]:
        usages: dict[str, list[list[Any]]] = defaultdict(list)
        for row in self._load(table):
            if row[key] in places:
                text = plain(row["conditionalStatement"] or "")
                sentence = requirement(text)
                condition = self.conditions.place("", sentence, text) if row["usage"] == "C" else -1
                usages[row["ciodId"]].append([places[row[key]], row["usage"], condition])
        return usages

    def _node(self, rows: list[dict[str, Any]]) -> int:
        """Return the place of one level, given the rows of it and of all below it, in order."""
        children: dict[str, list[dict[str, Any]]] = defaultdict(list)
        depth = min((row["path"].count(":") for row in rows), default=0)
        for row in rows:
            if row["path"].count(":") > depth:
                children[":".join(row["path"].split(":")[: depth + 1])].append(row)
        level = [
            self._attribute(row, children.get(row["path"], []))
            for row in rows
            if row["path"].count(":") == depth
        ]
        key = json.dumps(level)
        if key not in self._nodes:
            self._nodes[key] = len(self.nodes)
            self.nodes.append(level)
        return self._nodes[key]

    def _attribute(self, row: dict[str, Any], below: list[dict[str, Any]]) -> list[Any]:
        text = plain(row["description"])
        tag = row["tag"].strip("()").replace(",", "").upper().replace("X", "x")
        kind = row["type"] if row["type"] in {"1", "1C", "2", "2C", "3"} else "3"
        sentence = requirement(text)
        condition = -1
        if kind in {"1C", "2C"}:
            condition = self.conditions.place(tag, sentence, text)
        fewest, most = items(text)
        is_content = row["path"].startswith(by_hand.CONTENT_MODULE)
        if is_content and tag == by_hand.CONTENT_SEQUENCE and below:
            node = self._content_node(below)
        else:
            node = self._node(below) if below else -1
        if is_content and kind != "3" and tag in by_hand.VALUE_TYPES:
            types = ["=", by_hand.VALUE_TYPE, 0, by_hand.VALUE_TYPES[tag]]
            kind, condition = f"{kind[0]}C", self.conditions.both(types, condition)
        return [tag, kind, condition, self._terms_of(row), node, fewest, most]

    def _content_node(self, rows: list[dict[str, Any]]) -> int:
        """Return the place of a content item, which holds others like itself."""
        level = [
            *self.nodes[self._node(rows)],
            [by_hand.CONTENT_SEQUENCE, "3", -1, [], len(self.nodes), 0, 0],
        ]
        for place, row in enumerate(level):
            if row[0] == by_hand.VALUE_TYPE:  # a reference to another item has none
                condition = self.conditions.both(["-", by_hand.BY_REFERENCE, 0, []], -1)
                level[place] = [row[0], "1C", condition, *row[3:]]
        self.nodes.append(level)
        return len(self.nodes) - 1

    def _terms_of(self, row: dict[str, Any]) -> list[int]:
        attribute = self._attributes.get(row["tag"].lower())
        if attribute is None:
            return []
        lists = list(term_lists(row["description"]))
        if not lists:
            lists = self._linked(row, attribute["name"])
        if not any(each.condition or each.value for each in lists) and len(lists) > 1:
            return []  # more lists than one, and which is for what is told in prose
        places = []
        for each in lists:
            if each.value == 0 and attribute["id"] == _IMAGE_TYPE:
                continue
            encoded = self._encoded(each, attribute["valueRepresentation"])
            if encoded is not None:
                key = json.dumps(encoded)
                if key not in self._terms:
                    self._terms[key] = len(self.terms)
                    self.terms.append(encoded)
                places.append(self._terms[key])
        return places

    def _linked(self, row: dict[str, Any], name: str) -> list[Terms]:
        """The lists in the section about this very attribute that the description refers to."""
        for reference in row["externalReferences"]:
            section = self._references.get(reference["sourceUrl"], "")
            heading = _HEADING.search(section)
            if "plus the following" in section:
                continue  # to terms of another section
            if heading and plain(heading[1]).partition(" ")[2].casefold() == name.casefold():
                return list(term_lists(section))
        return []

    def _encoded(self, terms: Terms, vr: str) -> list[Any] | None:
        values: tuple[Any, ...] = terms.terms
        if vr in _NUMBER_VRS:
            try:
                values = as_numbers(terms.terms)
            except ValueError:
                return None
        elif vr not in _TEXT_VRS:
            return None
        condition = None
        if terms.condition:
            condition = self.conditions.expression(terms.condition)
            if condition is None:
                return None
        return ["E" if terms.is_enumerated else "D", terms.value, condition, list(values)]


def main() -> int:
    """Write the file."""
    try:
        folder = _installed()
    except PackageNotFoundError:
        sys.stderr.write(f"dicom-standard is not installed: see the head of {__file__}\n")
        return 1
    text = json.dumps(Tables(folder).tables(), separators=(",", ":"), ensure_ascii=False)
    # A line for each table: a change of the standard shows where it is.
    OUTPUT.write_text(re.sub(r'(?<=[\]}0-9"]),"(?=[a-z_]+":[\[{])', ',\n"', text) + "\n", "utf-8")
    sys.stdout.write(f"{OUTPUT}: {len(text):,} characters\n")
    return 0


def _installed() -> Path:
    """Return the folder of JSON that the package brings. Raises `PackageNotFoundError`."""
    for file in distribution("dicom-standard").files or ():
        if file.name == "ciods.json":
            return Path(str(file.locate())).parent
    raise PackageNotFoundError("dicom-standard")


if __name__ == "__main__":
    sys.exit(main())
