"""QIDO-RS: matching (PS3.18 8.3.4, PS3.4 C.2.2.2); values are those of our own samples."""

from hilum.conformance.checks import Fact, Level, Unmet, check
from hilum.conformance.exchange import Exchange
from hilum.conformance.samples import PATIENT_NAME, STUDY_DATE
from hilum.conformance.server import JSON
from hilum.conformance.session import UNKNOWN_UID, Session, value

_SAMPLES = (Fact.SAMPLES,)
_MATCHING = "8.3.4.1"
_ALPHABETIC = PATIENT_NAME.partition("=")[0]


@check("match.value", "A single value matches", Level.SHALL, _MATCHING, needs=_SAMPLES)
async def _single(session: Session) -> None:
    await _finds(session, PatientID=session.ours.patient_id)


@check("match.other", "Another value does not match", Level.SHALL, _MATCHING, needs=_SAMPLES)
async def _other(session: Session) -> None:
    await _misses(session, PatientID=f"{session.ours.patient_id}-not")


@check("match.tag", "An attribute is named by its tag", Level.SHALL, _MATCHING, needs=_SAMPLES)
async def _tag(session: Session) -> None:
    await _finds(session, **{"00100020": session.ours.patient_id})
    await _misses(session, **{"00100020": f"{session.ours.patient_id}-not"})


@check("match.several", "All keys must match", Level.SHALL, _MATCHING, needs=_SAMPLES)
async def _several(session: Session) -> None:
    await _finds(session, PatientID=session.ours.patient_id, StudyDate=STUDY_DATE)
    await _misses(session, PatientID=session.ours.patient_id, StudyDate="19000101")


@check(
    "match.asterisk",
    "* stands for any characters in a text",
    Level.SHALL,
    "8.3.4.1 (PS3.4 C.2.2.2.4)",
    needs=_SAMPLES,
)
async def _asterisk(session: Session) -> None:
    await _finds(session, PatientID=f"{session.ours.patient_id[:-3]}*")
    await _misses(session, PatientID=f"{session.ours.patient_id}x*")


@check(
    "match.question-mark",
    "? stands for one character in a text",
    Level.SHALL,
    "8.3.4.1 (PS3.4 C.2.2.2.4)",
    needs=_SAMPLES,
)
async def _question_mark(session: Session) -> None:
    await _finds(session, PatientID=f"{session.ours.patient_id[:-1]}?")
    await _misses(session, PatientID=f"{session.ours.patient_id}?")


@check(
    "match.date-range",
    "A range of dates includes both ends",
    Level.SHALL,
    "8.3.4.1 (PS3.4 C.2.2.2.5)",
    needs=_SAMPLES,
)
async def _date_range(session: Session) -> None:
    mine = {"PatientID": session.ours.patient_id}
    await _finds(session, **mine, StudyDate=f"20240101-{STUDY_DATE}")
    await _misses(session, **mine, StudyDate="20240101-20240228")


@check(
    "match.open-range",
    "A range of dates may be open at one end",
    Level.SHALL,
    "8.3.4.1 (PS3.4 C.2.2.2.5)",
    needs=_SAMPLES,
)
async def _open_range(session: Session) -> None:
    mine = {"PatientID": session.ours.patient_id}
    await _finds(session, **mine, StudyDate=f"{STUDY_DATE}-")
    await _finds(session, **mine, StudyDate=f"-{STUDY_DATE}")
    await _misses(session, **mine, StudyDate="20240301-")


@check(
    "match.uid-list",
    "A list of UIDs matches each of them",
    Level.SHALL,
    "8.3.4.1 (PS3.4 C.2.2.2.2)",
)
async def _uid_list(session: Session) -> None:
    await _finds(session, StudyInstanceUID=f"{UNKNOWN_UID},{session.study}")


@check(
    "match.modalities",
    "ModalitiesInStudy finds studies with a series of that modality",
    Level.SHALL,
    "8.3.4.1",
    needs=_SAMPLES,
)
async def _modalities(session: Session) -> None:
    mine = {"PatientID": session.ours.patient_id}
    await _finds(session, **mine, ModalitiesInStudy="CT")
    await _misses(session, **mine, ModalitiesInStudy="MG")


@check(
    "match.accession",
    "AccessionNumber matches",
    Level.SHALL,
    "8.3.4.1",
    needs=_SAMPLES,
)
async def _accession(session: Session) -> None:
    await _finds(session, AccessionNumber=str(session.ours.late.dataset.AccessionNumber))


@check(
    "match.modality-of-series",
    "Modality matches series of a study",
    Level.SHALL,
    "8.3.4.1",
    needs=_SAMPLES,
)
async def _series_modality(session: Session) -> None:
    answer = await session.server.search(f"{session.study_path}/series", JSON, Modality="CT")
    answer.expect_status(200)
    found = [value(one, "00080060") for one in answer.data_sets]
    answer.expect(found == ["CT"], "the series of modality CT", f"{len(found)} series")


@check(
    "match.name",
    "A person name that is not ASCII is found",
    Level.SHOULD,
    "8.3.4.1 (PS3.4 C.2.2.2.1)",
    needs=_SAMPLES,
)
async def _name(session: Session) -> None:
    """A name with several groups may be compared whole or by group: either will do."""
    found = False
    for name in (_ALPHABETIC, PATIENT_NAME):
        answer = await session.server.search("/studies", JSON, PatientName=name)
        answer.expect_status(200, 204)
        found = found or session.study in [value(one, "0020000D") for one in answer.data_sets]
    if not found:
        raise Unmet("the study, by its alphabetic group or by the whole name", "neither finds it")


@check(
    "match.name-returned",
    "A person name that is not ASCII is returned as it was stored",
    Level.SHALL,
    "F.2.2",
    needs=_SAMPLES,
)
async def _name_returned(session: Session) -> None:
    answer = await _finds(session, PatientID=session.ours.patient_id)
    ours = (one for one in answer.data_sets if value(one, "0020000D") == session.study)
    name = value(next(ours), "00100010")
    given = name.get("Alphabetic") if isinstance(name, dict) else None
    answer.expect(given == _ALPHABETIC, _ALPHABETIC, "another spelling")


@check(
    "match.includefield",
    "An attribute named by includefield is returned",
    Level.SHOULD,
    "8.3.4.3",
    needs=_SAMPLES,
)
async def _includefield(session: Session) -> None:
    for name in ("StudyDescription", "00081030"):
        answer = await session.server.search(
            "/studies", JSON, StudyInstanceUID=session.study, includefield=name
        )
        answer.expect_status(200)
        there = value(answer.data_sets[0], "00081030") == "Conformance check"
        answer.expect(there, f"(0008,1030) for includefield={name}", "none")


@check("match.includefield-all", "includefield=all is understood", Level.SHALL, "8.3.4.3")
async def _includefield_all(session: Session) -> None:
    answer = await _finds(session, StudyInstanceUID=session.study, includefield="all")
    answer.expect(len(answer.data_sets[0]) > 0, "attributes", "none")


@check(
    "match.fuzzy",
    "fuzzymatching=true is honoured, or a Warning says that it is not",
    Level.SHALL,
    "8.3.4.2",
    needs=_SAMPLES,
)
async def _fuzzy(session: Session) -> None:
    """How fuzzy is left to the server: one of several queries that literally match nothing."""
    warned = False
    for name in ("jürgen", "apfelbaum", "jürgen äpfelbaum"):
        answer = await session.server.search(
            "/studies",
            JSON,
            PatientID=session.ours.patient_id,
            PatientName=name,
            fuzzymatching="true",
        )
        answer.expect_status(200, 204)
        if any(value(one, "0020000D") == session.study for one in answer.data_sets):
            return
        warned = warned or "299" in answer.headers.get("warning", "")
    if not warned:
        raise Unmet("a match, or a Warning 299", "neither", level=Level.SHOULD)


async def _finds(session: Session, **query: str) -> Exchange:
    answer = await session.server.search("/studies", JSON, **query)
    answer.expect_status(200, 204)
    uids = [value(one, "0020000D") for one in answer.data_sets]
    answer.expect(session.study in uids, "the study", f"{len(uids)} others")
    return answer


async def _misses(session: Session, **query: str) -> None:
    answer = await session.server.search("/studies", JSON, **query)
    answer.expect_status(200, 204)
    uids = [value(one, "0020000D") for one in answer.data_sets]
    answer.expect(session.study not in uids, "that the study does not match", "it is returned")
