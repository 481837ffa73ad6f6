"""Every error the platform raises on purpose, in one tree.

TradingError
├── ConfigurationError        wrong before we start           exit 2: mend the input and run again
│   ├── InsufficientDataError too little is stored for what was asked: import more, or ask less
│   └── WrongStateError       right at another moment: a session runs already, or none does
├── DataError                 a bar or a file is impossible   set aside, named; the rest goes on
│   └── DataNotFoundError     nothing stored for what was asked
├── DatabaseError             the record could not be read or written
│   ├── ConflictError         what was to be added is there already: nothing was written
│   └── DatabaseUnavailableError  nobody answered: nothing was written, try again
├── StrategyError             a user's strategy is wrong or raised
│   ├── LookAheadError        a strategy asked for what had not happened
│   └── StrategyHungError     a strategy did not come back from a call
├── OrderStateError           a transition the order table forbids
├── AccessError               who asks may not have it        nothing was done
│   ├── AuthenticationError   nobody says who is asking, or it is not true
│   ├── PermissionDeniedError known, but not allowed that
│   └── RateLimitedError      too often; it says when to try again
├── ExternalServiceError      a venue or another service did not answer; try again later
└── StageFailedError          a worker thread died; the session ends in a known state
"""


class TradingError(Exception):
    """Base of the tree; its message names the field or file, the value and the remedy."""


class ConfigurationError(TradingError):
    """The user's configuration or arguments are wrong; nothing was started.

    `problems` holds one sentence per mistake, each beginning with the path of its field.
    """

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class InsufficientDataError(ConfigurationError):
    """The data that are stored are too few for what was asked; `problems` names each lack."""


class WrongStateError(ConfigurationError):
    """What was asked does not fit what the system is doing now; nothing was changed."""


class DataError(TradingError):
    """A bar or a file cannot be true; it is set aside and named, the rest is used."""


class DataNotFoundError(DataError):
    """Nothing is stored for what was asked."""


class DatabaseError(TradingError):
    """The record could not be read or written; the unit of work it was part of is undone."""


class ConflictError(DatabaseError):
    """What was to be added or changed collides with something stored; nothing was written."""


class DatabaseUnavailableError(DatabaseError):
    """The database did not answer; nothing was written."""


class StrategyError(TradingError):
    """A strategy is declared wrongly, or raised while it ran."""


class LookAheadError(StrategyError):
    """A strategy asked for data later than its own present."""


class StrategyHungError(StrategyError):
    """A strategy did not come back from a call in time; raised inside that call."""

    def __init__(self, message: str = "the strategy did not come back from a call") -> None:
        super().__init__(message)


class OrderStateError(TradingError):
    """An order was asked to make a transition that `TRANSITIONS` does not list."""


class AccessError(TradingError):
    """Who asks may not have what was asked; nothing was done."""


class AuthenticationError(AccessError):
    """Nobody says who is asking, or what is said is not true any more."""


class PermissionDeniedError(AccessError):
    """Who asks is known and may not do that."""


class RateLimitedError(AccessError):
    """Asked too often; `retry_after_s` seconds from now it may be tried again."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ExternalServiceError(TradingError):
    """A venue or another service did not answer, or not as it should; try again later."""


class StageFailedError(TradingError):
    """A worker thread died; carries the thread's name and its traceback."""
