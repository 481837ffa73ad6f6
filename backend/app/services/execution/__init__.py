"""Orders against bars: the simulated exchange and the ledger behind it."""
