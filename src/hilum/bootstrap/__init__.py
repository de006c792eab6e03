"""The only place that picks engines: settings in, a running archive or server out.

Commands that open no doors import `hilum.bootstrap.archive`, and start without HTTP and DIMSE.
"""
