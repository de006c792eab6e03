"""What an error says to who runs a command: its text, and where it happened."""


def told(error: BaseException) -> str:
    """One line. Notes of an error are for those who operate Hilum; its text is for everybody."""
    places: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        places += [note for note in getattr(cause, "__notes__", ()) if note not in places]
        cause = cause.__cause__
    return " ".join((str(error), *(f"({place})" for place in places)))
