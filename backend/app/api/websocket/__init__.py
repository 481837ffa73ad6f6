"""The WebSocket: what happens in the engine, told to whoever subscribes."""
