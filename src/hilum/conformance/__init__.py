"""Black-box conformance checks of DICOMweb servers; knows nothing of Hilum's own implementation.

Each check is a function under `groups/` with the section of the standard that it stands on.
"""
