"""Minute bars from the outside world to the engine: stored, imported, aggregated, judged."""
