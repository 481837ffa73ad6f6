"""From what a run did to what is kept of it: plain columns, made once, after the last decision."""
