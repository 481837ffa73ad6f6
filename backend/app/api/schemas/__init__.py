"""What requests and responses hold, by subject; each model is part of the OpenAPI document."""
