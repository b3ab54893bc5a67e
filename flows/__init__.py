"""Prefect flows: when to run, what to run again, and the local run of a workflow."""
