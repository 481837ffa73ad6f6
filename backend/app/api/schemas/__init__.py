"""What requests and responses look like, by subject."""
