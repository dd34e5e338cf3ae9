"""`python -m rotools`: the same program as the script `rotools`."""

from rotools.cli import main

if __name__ == "__main__":
    main()
