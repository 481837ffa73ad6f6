"""Façades of the platform: time, data, execution and the system itself."""
