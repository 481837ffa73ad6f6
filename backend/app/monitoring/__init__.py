"""What the platform tells about itself while it works."""
