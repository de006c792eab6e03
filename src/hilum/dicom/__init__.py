"""The language DICOM: pure functions from bytes to identifiers, DICOM JSON and frame tables."""
