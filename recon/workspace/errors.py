"""The one exception that means "the input, not the program, is wrong"."""


class UserError(Exception):
    """Something a person can mend: bad input, a missing file, an impossible setting.

    The message names the thing, what was expected, what was found and the next step. Scripts print it without a
    traceback and exit with 2.
    """
