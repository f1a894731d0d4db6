"""Runs one function in a process of its own: `python -m benchmarks.child MODULE:FUNCTION ARGUMENT …`.

The function returns figures by name; they are printed as JSON with the memory of the process beside them.
"""

from __future__ import annotations

import sys
from importlib import import_module

_FIELDS = {"VmRSS": "resident", "VmHWM": "peak", "RssAnon": "private", "RssFile": "mapped"}


def memory() -> dict[str, float]:
    """Bytes of this process: `resident` now, `peak` so far, and of what is resident, `private` and file-`mapped`.

    `ru_maxrss` would not do: a child begins with the peak of the process that started it.
    """
    found: dict[str, float] = {}
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - pathlib would be measured, too
        for line in status:
            name, _, value = line.partition(":")
            if name in _FIELDS:
                found[_FIELDS[name]] = int(value.split()[0]) * 1024
    return found


def main() -> None:
    """Call the function that the command line names."""
    module, _, function = sys.argv[1].partition(":")
    found = getattr(import_module(module), function)(*sys.argv[2:])
    used = memory()
    import json

    print(json.dumps(used | found))


if __name__ == "__main__":
    main()
