"""What is measured besides our own commands."""
