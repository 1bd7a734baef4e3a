"""`python -m unstill` is the `unstill` command."""

from unstill.cli.commands import main

if __name__ == "__main__":
    main()
