"""The four workers of a session; they know each other only by channels and subscriptions."""
