"""Routes by subject; each is a plain function that asks a façade or a repository and hands on."""
