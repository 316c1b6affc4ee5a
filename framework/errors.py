"""The one base of every error a user may see."""


class QuoteopsError(Exception):
    """Say on one line where something is wrong, what it is, and what is allowed.

    The command line prints the message after ``error: `` and exits with ``exit_code``, without a traceback.
    """

    exit_code = 2
