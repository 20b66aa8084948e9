"""``python -m sparsereg``: the main job on real input, see ``python -m sparsereg --help``."""

import sys

from sparsereg._demo.cli import main

if __name__ == "__main__":
    sys.exit(main())
