"""What is wrong across the files of a submission, told with the files concerned."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

from hilum.domain.findings import Finding, Severity
from hilum.validation.facts import Facts
from hilum.validation.profiles import DeepProfile
from hilum.validation.study import check_study
from hilum.validation.telling import told

ProfileOf = Callable[[str], DeepProfile]
"""The deep profile of a policy's depth."""

_JUDGED_BEFORE: Final = "sop-instance-twice"
"""Files with one SOP Instance UID are compared by their bytes."""


class Consistency:
    """Collects the facts of files that may be kept, some hundred bytes each."""

    def __init__(self, profile: DeepProfile) -> None:
        self._profile = profile
        self._studies: dict[str, dict[str, Facts]] = defaultdict(dict)
        self._numbers: dict[str, list[int]] = defaultdict(list)
        """Of all files of a study, also of those that come twice."""

    def add(self, number: int, facts: Facts) -> None:
        """Of several files with one instance the first is compared with the others."""
        self._studies[facts.study].setdefault(facts.sop_instance, facts)
        self._numbers[facts.study].append(number)

    def findings(self) -> Mapping[int, list[Finding]]:
        """By number of file. An error is one of every file of the study: whose, nobody knows.

        Everything else is told with the first file of the study.
        """
        found: dict[int, list[Finding]] = defaultdict(list)
        for study, members in self._studies.items():
            numbers = sorted(self._numbers[study])
            rows = check_study(list(members.values()))
            for finding in told(self._profile.apply(rows)):
                if finding.code == _JUDGED_BEFORE:
                    continue
                concerned = numbers if finding.severity is Severity.ERROR else numbers[:1]
                for number in concerned:
                    found[number].append(finding)
        return found
