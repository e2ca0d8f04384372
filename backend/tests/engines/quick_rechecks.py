"""Run `slipway` with rechecks after one second, for tests that wait until a killed or full installation has settled."""

from datetime import timedelta

from app.domain import recheck

# Before anything else of the application is imported, because its modules copy the constant.
recheck.RECHECK_AFTER = timedelta(seconds=1)  # type: ignore[misc]

if __name__ == "__main__":
    from app.cli import main

    main()
