"""Stateless functions and small state objects: everything that decides, and no thread or socket."""
