"""The command line, as ``python -m nmfamt``."""

from nmfamt.cli import main

if __name__ == "__main__":
    main()
