"""DICOMweb doors out: QIDO-RS, WADO-RS, DELETE."""
