"""Clock, identifiers and telemetry: nothing here knows what DICOM is."""
