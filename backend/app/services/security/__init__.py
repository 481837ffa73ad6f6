"""Passwords, tokens and keys: what is secret, and how it is told from what is not."""
