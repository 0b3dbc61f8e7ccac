"""Who drives a shared session: whose place everybody follows, and who is named so on all screens.

Nothing else is handed over. What acts on the cluster stays with the console whose session it is
(the owner's): a viewer, driving or not, can cause nothing there.
"""

from __future__ import annotations

OWNER = 0  # the number of the console whose session it is; those who join count from 1


class HandOver:
    """By the numbers of connections. Who asks first is first in `asking`."""

    def __init__(self) -> None:
        self.driver = OWNER
        self.asking: list[int] = []

    def ask(self, number: int, wants: bool) -> bool:
        """Somebody wants to drive, or does not want it any more; whether that is a change."""
        if number == self.driver or wants == (number in self.asking):
            return False
        if wants:
            self.asking.append(number)
        else:
            self.asking.remove(number)
        return True

    def turn(self, number: int) -> int:
        """From 1, by when each asked the last time; 0 of one who does not ask."""
        return self.asking.index(number) + 1 if number in self.asking else 0

    def give(self, by: int, to: int) -> bool:
        """To somebody who asked, or back to the owner. Only the driver gives, and the owner, who
        may have it back at any time; whether it was given."""
        if by not in (self.driver, OWNER) or to == self.driver:
            return False
        if to != OWNER and to not in self.asking:
            return False
        self.driver = to
        if to in self.asking:
            self.asking.remove(to)
        return True

    def left(self, number: int) -> bool:
        """A connection ended; whether its driver's place returned to the owner by that."""
        self.ask(number, False)
        drove = number == self.driver
        if drove:
            self.driver = OWNER
        return drove
