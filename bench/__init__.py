"""Paired measurements: two commands in turn in one run, outputs compared before times count."""
