"""What a run came to: equity, round-trip trades and statistics, from its log alone."""
