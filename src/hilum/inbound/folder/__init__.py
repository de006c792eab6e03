"""The folder door: files, folders, zip files and DICOMDIRs go through the same pipeline."""
