"""How a socket is ended from within: an exception with its close code."""

from chat.events import Close


class Leave(Exception):
    """This socket has to close, with this code."""

    def __init__(self, code: Close) -> None:
        self.code = code
        super().__init__(code.name)
