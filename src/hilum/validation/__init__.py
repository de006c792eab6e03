"""Validation to the depth of the standard: what is wrong with instances and with studies.

Pure functions over what `hilum.dicom` reads; `docs/validation.md` explains every code.
"""
