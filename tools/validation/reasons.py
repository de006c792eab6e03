"""Why dciodvfy and Hilum do not say the same: one reason for every difference.

A reason is found by patterns of what is said, of the attribute and of the file; the first that
matches counts.
"""

# ruff: noqa: E501 - reasons are prose

import re
from typing import Final, NamedTuple


class Reason(NamedTuple):
    """Patterns (of kind or code, attribute, file) and the reason."""

    what: str
    attribute: str
    file: str
    text: str


_CUT: Final = (
    "The file is cut short. dciodvfy goes on with what it has read; to Hilum the file is unreadable "
    "(`truncated-instance`), and what an incomplete header lacks says nothing."
)
MISSED: Final = (
    Reason("", "", "truncated|too_short|cut short", _CUT),
    Reason("", "", "image_dfl", "dciodvfy does not inflate this deflated data set and takes what is "
           "deflated for elements; Hilum reads it."),
    Reason("but missing SOP", "", "", "The UIDs of the meta information are there without a value, "
           "which is what Hilum tells of them (`meta-attribute-missing`)."),
    Reason("unsatisfied", "Laterality", "", "The attribute is there without a value. Type 2C may be "
           "empty when unknown (PS3.5 7.4.4); whether the body part is paired is not in the data."),
    Reason("Missing", "^Laterality", "", "Body Part Examined is WHOLE BODY, which is no paired part."),
    Reason("enumerated|incorrect value length", "PhotometricInterpretation|PixelData", "SC_|422",
           "Downsampled YBR is allowed in native and compressed form (PS3.3 C.7.6.3.1.2), and the "
           "Secondary Capture IOD names no photometric interpretations."),
    Reason("Value invalid", r"\(0019,1060\)", "", "A TAB in UT. PS3.5 6.1.3 has TAB among the control "
           "characters of text, and Hilum lets it pass."),
    Reason("Missing", "LongCodeValue|URNCodeValue", "", "One of three code values must be there. "
           "dciodvfy tells all three as missing, Hilum the first."),
    Reason("enumerated", "RescaleType", "", "Which values are allowed depends on Image Type in prose "
           "(PS3.3 C.8.15.3.10) that the tables do not hold."),
    Reason("", "Offset|DirectoryRecordType", "DICOMDIR", "Directories are not judged by an IOD: "
           "Hilum reads them for the files they name, and ignores their offsets."),
    Reason("Missing", "PositionReferenceIndicator|FrameOfReferenceUID", "rtstruct", "The Frame of "
           "Reference Module is of usage U in the RT Structure Set IOD of the tables (2020)."),
    Reason("not multi-frame", "ReferencedFrameNumber", "", "Hilum does not look up which SOP classes "
           "that are referred to have frames."),
    Reason("unsatisfied", "MultiplexGroupTimeOffset", "", "PS3.3 C.10.9 says of it `may be present "
           "otherwise`."),
    Reason("incorrect value length", "PixelData", "no Rows|no Columns", "Without Rows or Columns there "
           "is no length to expect; Hilum tells the missing attribute only."),
    Reason("integer pixel data", "PixelPaddingValue", "", "Pixel Data is missing, which Hilum tells; "
           "that other attributes then make no sense follows from it."),
    Reason("Empty", "BitsStored", "three bytes", "The value has a wrong length (`value-size`): Hilum "
           "reads the one number that is in it."),
    Reason("Bad attribute value", "BitsStored", "HighBit", "The same contradiction, told of High Bit."),
)  # fmt: skip

EXTRA: Final = (
    Reason("", "", "badVR|rtdose|32bit", "dciodvfy stops with a failed assertion at this file and "
           "tells no more; what Hilum tells is in the file."),
    Reason("uid-reused", "", "", "Told of both attributes that share the UID, by dciodvfy of one."),
    Reason("^attribute-missing", "UID$", "", "The data set has no SOP Class UID, so dciodvfy looks for "
           "no module; these four every instance has (PS3.3 C.12.1, C.7.2.1, C.7.3.1)."),
    Reason("perhaps", "Laterality", "", "PS3.3 C.7.3.1 has the condition; neither body part nor any "
           "laterality is told."),
    Reason("meta-missing", "", "", "PS3.10 7.1 requires preamble, prefix and meta information; dciodvfy "
           "reads files without them as well."),
    Reason("meta-", "", "", "PS3.10 7.1: type 1 of the file meta information, or no transfer syntax "
           "of PS3.6."),
    Reason("charset-doubtful", "", "", "dciodvfy takes text for what it is declared to be."),
    Reason("sop-class-unknown", "", "private", "dciodvfy tells it without an attribute (Information "
           "Object Not found)."),
    Reason("sop-class-unknown", "", "", "The retired Ultrasound Image Storage: dciodvfy tells it "
           "without an attribute (Information Object Not found)."),
    Reason("private-block", "", "", "Group 0001 is no group of private elements (PS3.5 7.8.1)."),
    Reason("value-not-defined", "ExposureModulationType", "", "PS3.3 C.8.2.1 has NONE as its only "
           "defined term."),
    Reason("encapsulation|frames-number|pixel-description|vr-mismatch", "", "", "dciodvfy does not "
           "look into fragments and offset tables, nor compares High Bit here."),
    Reason("value-format", "StudyDate", "", "Month 13: dciodvfy looks at characters, not at the "
           "calendar."),
)  # fmt: skip


def reason(reasons: tuple[Reason, ...], what: str, attribute: str, file: str) -> Reason | None:
    """Return why both differ; None when nobody has told yet."""
    for each in reasons:
        if (
            re.search(each.what, what)
            and re.search(each.attribute, attribute)
            and re.search(each.file, file)
        ):
            return each
    return None
