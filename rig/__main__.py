"""`python3 -m rig COMMAND`: runs on the system's Python with the standard library only."""

import sys

if sys.version_info < (3, 10):  # noqa: UP036  (older Pythons get this far and deserve a sentence)
    sys.exit("This needs Python 3.10 or newer; this one is " + sys.version.split()[0] + ".")

from rig.cli import main

if __name__ == "__main__":
    sys.exit(main())
