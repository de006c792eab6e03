"""Places that instances are exported to and imported from: buckets and folders."""
