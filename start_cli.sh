#!/bin/sh
# Open the shell; with arguments, run that one command: ./start_cli.sh data list
exec "$(dirname -- "$0")/backend/start_cli.sh" "$@"
