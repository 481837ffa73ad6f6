#!/bin/sh
# Open the shell; with arguments, run that one command: ./start_cli.sh data list
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
if [ ! -x "$here/.venv/bin/python" ]; then
    echo "The environment is not made yet; run this first: make -C $here setup" >&2
    exit 1
fi
[ $# -gt 0 ] || set -- shell
exec "$here/.venv/bin/python" "$here/run_cli.py" "$@"
