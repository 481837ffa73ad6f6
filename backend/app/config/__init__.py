"""Where the platform keeps things, from the environment or ``.env``; read only at the top."""
