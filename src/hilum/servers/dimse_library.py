"""The one place where pynetdicom's module-wide switches are set."""

from pynetdicom import _config


def configure_pynetdicom() -> None:
    """Set what pynetdicom keeps per process, not per server; repeating it changes nothing.

    - `LOG_HANDLER_LEVEL`: its handlers for events write whole PDUs and data sets to the log; ours
      tell of associations and messages by structured events without patient data.
    - `LOG_REQUEST_IDENTIFIERS`, `LOG_RESPONSE_IDENTIFIERS`: queries and their answers are patient
      data.
    """
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
