"""Argo workflows, written with Hera and rendered to YAML."""
