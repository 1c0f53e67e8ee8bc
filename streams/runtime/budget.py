"""How much a task may work off in one step, measured in time: what a record costs differs by a hundredfold."""

from __future__ import annotations

STEP_S_MAX = 0.5
"""A step holds the event loop of all partitions, in which producers send and are answered: not for longer than this."""
BEGIN = 1_000
LEAST = 50


class Budget:
    """Records and timers of the next step: more while steps are short and use it up, fewer after a long one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.steps = min(BEGIN, most)

    def took(self, seconds: float, used_up: bool) -> None:
        """The last step took so long; ``used_up``: it left something undone."""
        if seconds > STEP_S_MAX:
            self.steps = max(min(LEAST, self._most), int(self.steps * STEP_S_MAX / seconds))
        elif used_up and seconds < STEP_S_MAX / 2:
            self.steps = min(2 * self.steps, self._most)
