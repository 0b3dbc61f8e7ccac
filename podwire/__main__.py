"""`python -m podwire`."""

from podwire import main

if __name__ == "__main__":
    raise SystemExit(main())
