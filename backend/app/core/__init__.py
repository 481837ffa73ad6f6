"""Values and pure rules that every layer shares: no I/O, no database, no threads."""
