"""Write docs/validation.md: codes and profiles, and how Hilum compares with dciodvfy.

python tools/validation_page.py            writes the page
python tools/validation_page.py --check    fails when the page is not current

Runs dciodvfy (scripts/services install dicom3tools) over some hundred files: half a minute.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from hilum.validation.findings import CODES
from hilum.validation.profiles import DEEP_PROFILES
from hilum.validation.standard import standard
from tests.judged import Judgement, judge_corpus, judge_planted
from tools.pages import write_or_check
from tools.validation.reasons import EXTRA, MISSED, Reason, reason

PAGE = Path(__file__).parents[1] / "docs" / "validation.md"
INTRODUCTION = """# Validation in depth

<!-- Made by tools/validation_page.py; do not edit. -->

`hilum validate PATH|STUDY...` checks files, folders and studies that are held to the depth of the
standard and changes nothing. It tells what is wrong, where, what was expected and found, how it is
mended, and the section that says so; grouped by study, with the files that share a finding.
`--json` writes every finding of every file, `--html FILE` a page. The exit code is 1 when there are
errors. A server gives the same of what it holds: `GET /api/v1/studies/{{study}}/findings`, and
below `.../series/{{series}}` and `.../instances/{{instance}}`, with `?profile=` and
`?decode=true`; as JSON, or as a page for browsers (`Accept: text/html`). Each instance is read
anew; up to `retrieve.findings_instances`.

What is checked: Part 10 structure and file meta information; every value by its VR, every element
by PS3.5 (even length, order) and PS3.6 (VR, multiplicity, retirement) and its private block;
character sets, declared and actual; pixel data against rows, columns, bits, samples and frames;
fragments, Basic and Extended Offset Table; every frame, when asked for; the IOD of the SOP class
with its modules, functional groups, sequence items, enumerated values and defined terms, and every
condition of type 1C and 2C that a program can judge; and across each study patient, UIDs, numbers,
frames of reference, positions and gaps between slices.

No finding shows a value that could name a patient: coded strings and numbers that describe images
are shown, of all other values only their length.

The tables of IODs are those of {source}. Attributes that are newer are let through, SOP classes
that are newer are told as `sop-class-unknown`; an enumerated value that was added later is told as
wrong. How the tables are made:
[ADR 0027](decisions/0027-validation.md).

## What arrives

The [profiles of the doors](findings.md) (`dimse.validation_profile` and the like) are other
rules, shorter ones. What is on this page applies to an arrival where a *depth* names one of the
profiles below: to uploads by the setting `upload.depth`, to everything else by rules, which name
door, sender and partition; the first that matches counts. An error refuses the instance, and the
answer tells the findings as its wire can: STOW-RS in Failed Attributes Sequence, at most 50 of an
instance, with the reason C000 when elements make no sense and A900 otherwise; C-STORE by status,
the first error as comment and up to 8 offending elements.

```toml
[[validation.rules]]
door = "c-store"
sender = "CT1@*"
depth = "ward"
decode = true

[validation.profiles.ward]
base = "practice"
refuse = ["charset"]
ignore = ["value-not-defined"]
require = ["PatientID", "AccessionNumber"]
```

`validation.profiles.NAME` is a profile of one's own: a base, and the codes that refuse, warn or
are not told; `require` names attributes that must have a value. It can be named wherever the
others can, by `hilum validate --profile`, too.

## Decoding

With `decode` (of a rule, `hilum validate --decode`, `?decode=true` of the report) every
compressed frame is decoded in the pixel workers, within `pixels.memory_bytes`,
`pixels.task_seconds` and `pixels.maximum_frame_bytes`: a codestream that kills its decoder kills
a worker, and is a finding. After 20 frames that cannot be decoded, or the first that costs too
much, the others of the instance are left alone. Native pixel data needs its length checked only,
which is always done. A C-STORE waits meanwhile (`dimse.store_seconds`).
"""


def page() -> str:
    """The whole page."""
    corpus, planted = judge_corpus(), judge_planted()
    lines = [
        INTRODUCTION.format(source=standard().source),
        "## Profiles\n",
        "| Profile | What it tells |",
        "|---|---|",
        *(f"| `{each.name}` | {each.purpose} |" for each in DEEP_PROFILES.values()),
        "\n## Codes\n",
        "| Code | Severity | Meaning | What to do |",
        "|---|---|---|---|",
        *(
            f"| `{name}` | {code.severity.value} | {code.meaning} | {code.mend} |"
            for name, code in CODES.items()
        ),
        "\n## Compared with dciodvfy\n",
        "dciodvfy of dicom3tools (Debian `1.00~20220618`) is the judge: it is made independently, "
        "by hand, over decades. An error of it counts once for a file, its kind and its attribute. "
        "It is found when Hilum tells an error or a warning of the same attribute with a code for "
        "the same kind; where dciodvfy says of one attribute after another that the encoding is "
        "wrong, one finding about the file counts. A remark does not count.\n",
        "| Files | Number | Errors of dciodvfy | Found | Of those as warnings | Share |",
        "|---|--:|--:|--:|--:|--:|",
        _totals("pydicom and pydicom-data", corpus),
        _totals("with one planted fault each", planted),
        "\nThe warnings are mostly `attribute-perhaps-missing`: where dciodvfy takes a condition "
        "that the data set cannot tell for met, Hilum warns.\n",
        "### What both find\n",
        "| dciodvfy says | Times |",
        "|---|--:|",
        *(
            f"| {kind} | {number} |"
            for kind, number in sorted(
                (corpus.agreed + planted.agreed).items(), key=lambda each: (-each[1], each[0])
            )
        ),
        "\n### What only dciodvfy finds\n",
        *_differences(MISSED, corpus.missed, planted.missed),
        "\n### What only Hilum finds\n",
        *_differences(EXTRA, corpus.extra, planted.extra),
    ]
    return "\n".join(lines) + "\n"


def _totals(name: str, judged: Judgement) -> str:
    return (
        f"| {name} | {judged.files} | {judged.errors:,} | {judged.found:,} | {judged.warned} "
        f"| {judged.share:.1%} |"
    )


Differences = dict[tuple[str, str], list[str]]


def _differences(reasons: tuple[Reason, ...], *found: Differences) -> Iterator[str]:
    rows: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (what, attribute), files in (item for part in found for item in part.items()):
        for file in files:
            why = reason(reasons, what, attribute, file)
            rows["Not explained." if why is None else why.text][
                f"{what}: {attribute}" if attribute else what
            ] += 1
    yield "| Times | What | Why |"
    yield "|--:|---|---|"
    for why, whats in sorted(rows.items(), key=lambda row: (-sum(row[1].values()), row[0])):
        shown = "; ".join(
            f"{what} ({number})" if number > 1 else what for what, number in sorted(whats.items())
        )
        yield f"| {sum(whats.values())} | {shown} | {why} |"


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
