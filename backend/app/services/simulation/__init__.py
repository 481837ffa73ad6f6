"""From bars to decisions: derive, reveal, match, decide; the same steps inline and in threads."""
