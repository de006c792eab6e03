"""Benchmarks: Hilum beside Orthanc, a bare ASGI server and pydicom, in one run."""
