"""`python -m alcseg` is the same as `alcseg`."""

import sys

from alcseg.cli import main

if __name__ == "__main__":
    sys.exit(main())
