"""REST and WebSocket: thin doors to the platform, the only place with an event loop."""
