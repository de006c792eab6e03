"""The one pipeline: validate, describe, keep, commit."""
