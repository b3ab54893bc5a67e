"""The real services on one machine, without Docker."""
