"""Runs inside the sandbox: loads a program, makes calls and says what they returned. Standard library only.

It is given as a file to a bare interpreter and knows nothing of gra. The program shares its process, so nothing that it
says is believed to be more than what the program would have it say: it knows no expected values, and judges nothing.
"""

import builtins
import json
import os
import random
import resource
import sys

MOST_ITEMS = 5000
LARGEST_BITS = 12_000
LONGEST_TEXT = 20_000
DEEPEST = 40


def main() -> None:
    """A program and its calls from standard input, one line of JSON for each result to standard output."""
    told = os.dup(1)
    order = json.loads(sys.stdin.read())
    nothing = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    for name, most in order["limits"].items():
        resource.setrlimit(getattr(resource, name), (most, most))

    os.write(told, b"ready\n")  # before anything foreign runs: whatever happens from here on is the program's doing

    def tell(number: int, entry: dict[str, object]) -> None:
        line = json.dumps({"n": number, **entry}) + "\n"
        os.write(told, line.encode("ascii"))

    sys.modules["response"] = type(sys)("response")  # what looks its module up, a dataclass for example, finds one
    names = sys.modules["response"].__dict__
    vars(builtins).update(exit=sys.exit, quit=sys.exit)  # as interpreters have them, but for a bare one
    try:
        random.seed(0)
        exec(compile(order["code"], "response.py", "exec"), names)  # noqa: S102 (this is what the sandbox is for)
    except BaseException as error:  # noqa: BLE001 (SystemExit too)
        tell(-1, {"broke": type(error).__name__})
        os._exit(0)
    if order["first"] == 0:
        tell(-1, {"value": None})
    for number, call in enumerate(order["calls"][order["first"] :], order["first"]):
        try:
            random.seed(0)
            encoded = plain(eval(call, names), [MOST_ITEMS])  # noqa: S307
        except BaseException as error:  # noqa: BLE001
            tell(number, {"broke": type(error).__name__})
        else:
            tell(number, {"value": encoded})
    os._exit(0)


def plain(value: object, left: list[int], depth: int = 0) -> object:
    """A value as JSON that says its type; `programs.value` reads it. `left` is how many more items there may be."""
    left[0] -= 1
    if left[0] < 0 or depth > DEEPEST:
        raise OverflowError
    if isinstance(value, (list, tuple)):
        name = "list" if isinstance(value, list) else "tuple"
        return {name: [plain(item, left, depth + 1) for item in value]}
    if isinstance(value, (set, frozenset)):
        return {"set": [plain(item, left, depth + 1) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[plain(k, left, depth + 1), plain(v, left, depth + 1)] for k, v in value.items()]}
    return single(value)


def single(value: object) -> object:
    """The same, of what has no parts."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and value.bit_length() <= LARGEST_BITS:
        return int(value)
    if isinstance(value, float):
        return {"float": repr(float(value))}
    if isinstance(value, complex):
        return {"complex": repr(complex(value)).strip("()")}
    if isinstance(value, str) and len(value) <= LONGEST_TEXT:
        return str(value)
    if isinstance(value, (bytes, bytearray)) and len(value) <= LONGEST_TEXT:
        return {"bytes": bytes(value).hex()}
    if isinstance(value, (int, str, bytes, bytearray)):
        raise OverflowError
    return {"other": type(value).__name__}


if __name__ == "__main__":
    main()
