"""What the four threads share: a name, one way to die, and one way to be stopped."""

from abc import abstractmethod
from threading import Thread

from loguru import logger

from app.threads.sync import RunControl


class Worker(Thread):
    """A thread whose error ends the run in a known state instead of vanishing with it."""

    def __init__(self, name: str, control: RunControl) -> None:
        super().__init__(name=name, daemon=True)
        self.control = control

    @abstractmethod
    def work(self) -> None:
        """Do everything, and return early when ``control.stopping``."""

    def run(self) -> None:
        """Work; on an error keep it for the owner and ask the others to stop."""
        try:
            self.work()
        except Exception as error:  # noqa: BLE001  # the one broad except a thread has
            logger.opt(exception=error).error("{} died", self.name)
            self.control.fail(self.name, error)
