"""Forms with files, answered before they are read: their state tells the rest."""
