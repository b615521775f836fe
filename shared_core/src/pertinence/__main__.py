"""Entry point for `python -m pertinence`, which is the same as the command `pertinence`."""

from __future__ import annotations

import sys

from pertinence.cli import main

if __name__ == "__main__":
    sys.exit(main())
