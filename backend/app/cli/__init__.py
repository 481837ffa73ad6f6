"""The command line: parse, call a façade, render."""
