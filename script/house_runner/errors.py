"""The one error of this package: something that the person at the terminal can read and act on."""


class HouseError(Exception):
    """The house could not be started or did not answer; the message is one plain sentence."""
