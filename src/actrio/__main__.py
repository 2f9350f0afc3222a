"""`python -m actrio` is the `actrio` command."""

from actrio.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
