"""`python -m rotrain`: the same program as the `rotrain` script."""

from rotrain.cli import main

if __name__ == "__main__":
    main()
