"""Tests of reading DICOM: the header transcoder and frame tables."""
