"""Run a command of MisMartera without installing it: ``python run_cli.py time now``."""

from app.cli.main import main

if __name__ == "__main__":
    main()
