"""Backfills: windows of a dataset done again, planned, reviewed, and run by name."""
