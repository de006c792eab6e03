"""What `repair` can do to a file: named coercions, each of which mends one kind of fault.

No patient is ever invented: what is wanting is added empty, what is there is only written as the
standard has it. What was there before is kept in the file itself (PS3.3 C.12.1.1.9).
"""
