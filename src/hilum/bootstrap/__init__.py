"""The only place that picks engines: settings in, a running archive or server out."""

from hilum.bootstrap.archive import Archive, open_archive
from hilum.bootstrap.serving import Serving, serve

__all__ = ["Archive", "Serving", "open_archive", "serve"]
