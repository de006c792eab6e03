"""Hilum: a DICOM imaging gateway with one pipeline, one archive and one feed."""

__version__ = "0.1.0"
