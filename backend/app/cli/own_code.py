"""Where the command line finds strategies that did not come with the platform."""

import sys
from pathlib import Path


def look_in_current_folder() -> None:
    """Let ``my_module:MyStrategy`` be a file of the folder the command is run from.

    It is looked in last, so that nothing there can take the place of an installed module.
    """
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.append(folder)
