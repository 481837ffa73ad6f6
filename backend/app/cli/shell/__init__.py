"""The interactive shell: a prompt, completion and hints over the commands of the registry."""
