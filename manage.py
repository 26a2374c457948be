#!/usr/bin/env python
"""Run a management command of Haidai."""

import os
import sys


def main() -> None:
    """Run what the command line names; say what to do where there is no database yet."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line
    from django.db.utils import OperationalError

    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        if "unable to open database file" not in str(error):
            raise
        from django.conf import settings

        sys.exit(
            f"There is no database in {settings.HAIDAI_DATA_DIR}, or it cannot be opened there.\n"
            "Make the folder, name another one with HAIDAI_DATA_DIR, or run `make demo`, which "
            "makes var/demo."
        )


if __name__ == "__main__":
    main()
