"""The folder door out: studies as files, in a folder or a zip file, byte for byte."""
