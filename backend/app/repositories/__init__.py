"""Database access: values in, values out; rows stay inside and nothing here commits."""
