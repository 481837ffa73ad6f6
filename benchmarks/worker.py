"""One case in a process of its own: ``python worker.py MODULE CLASS ARGUMENT… [--once]``.

Answers each line on standard input (``run``) with one JSON object on standard output. With
``--once`` it runs the case one time, answers and ends: what a fresh process costs.
"""

import gc
import importlib
import json
import os
import sys
import time


def main() -> None:
    """Build the case, then run it as often as asked."""
    arguments = [word for word in sys.argv[1:] if word != "--once"]
    answers = _take_standard_output()
    module = importlib.import_module(f"engines.{arguments[0]}")
    case = getattr(module, arguments[1])(*arguments[2:])
    if "--once" in sys.argv:
        _say(answers, measure(case) | {"version": module.VERSION})
        return
    _say(answers, {"version": module.VERSION})
    for _ in sys.stdin:
        _say(answers, measure(case))


def measure(case) -> dict[str, object]:
    """Run the case once; garbage is collected before, and may be during."""
    case.prepare()
    gc.collect()
    begun = time.perf_counter()
    result = case.run()
    seconds = case.seconds(time.perf_counter() - begun)
    answer = case.answer(result)
    case.finish()
    return {
        "seconds": seconds,
        "cash": answer.cash,
        "fills": answer.fills,
        "digest": answer.digest,
    }


def _take_standard_output():
    """Keep standard output for answers; what an engine prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _say(answers, value: dict[str, object]) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
