"""What is handed in now and answered later: received, validated, described and archived by stages.

The stages use the functions of `hilum.ingest`, which every other door uses, too. What they refuse
goes into quarantine.
"""
