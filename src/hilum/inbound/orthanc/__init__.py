"""The door to Orthanc: its list of changes and its calls tell what to fetch over its REST API."""
