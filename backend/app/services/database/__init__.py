"""Keeping the record safe: backup, restore, and a check of everything it promises."""
