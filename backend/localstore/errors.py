"""The one error that ends a start: its text is shown to the person who started the app."""


class StartupError(Exception):
    """The store cannot start; the message says what to do."""
