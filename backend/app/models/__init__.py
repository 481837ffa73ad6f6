"""Tables of the record and the models of configuration."""
