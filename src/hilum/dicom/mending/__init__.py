"""Data sets as trees of elements that can be changed and written again; what is left is left.

Reading is more forgiving than `hilum.dicom.reader`, which must not guess: a file is read in this
way only when somebody wants it mended. Large values are never read, only pointed at.
"""
