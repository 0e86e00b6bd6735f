"""Whether the walls hold: the sandbox is tried from within before anything of a model's is run in it."""

from __future__ import annotations

import json
import socket
import tempfile
from pathlib import Path

from gra.errors import ConfigError, EndpointError
from gra.programs import Broke, execution, to_run
from gra.sandbox.isolation import LIBRARIES, LIMITS, WITHOUT, find_isolation, interpreter
from gra.sandbox.running import Sandbox

_ATTEMPTS = '''
import os, resource, socket, subprocess, sys, threading

def can(attempt):
    try:
        attempt()
    except (OSError, subprocess.SubprocessError):
        return False
    return True

def write(path):
    with open(path, "w") as file:
        file.write("written")

def look(folder, known):
    if set(os.listdir(folder)) <= set(known):
        raise FileNotFoundError

def escaped(port, secret, home, known):
    """What can be done that must not be; `known` is what of the home folder leads to the interpreter."""
    loopback = lambda: socket.create_connection(("127.0.0.1", port), 2)
    attempts = {
        "reach the network": loopback,
        "make a socket": lambda: socket.socket(socket.AF_UNIX),
        "read a file of this machine": lambda: open(secret).read(),
        "change a file of this machine": lambda: write(secret),
        "look into the home folder": lambda: look(home, known),
        "write beside its folder": lambda: write("/written"),
        "change the interpreter": lambda: write(os.__file__),
        "start a process": lambda: subprocess.run([sys.executable, "-V"]),
        "fork": os.fork,
        "see processes": lambda: os.listdir("/proc"),
    }
    found = [name for name, attempt in attempts.items() if can(attempt)]
    known = {"PYTHONHASHSEED", "LANG", "TZ", "HOME", "TMPDIR", "PWD", "LC_CTYPE"}
    found += ["read the environment"] if set(os.environ) - known else []
    return found

def works():
    """What must be possible."""
    write("here")
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    return {name: resource.getrlimit(getattr(resource, name))[1] for name in LIMITS}
'''


async def open_sandbox() -> Sandbox:
    """A sandbox whose walls hold.

    Raises:
        ConfigError: there can be none here; says why, how to get one, and how to go on without.
    """
    sandbox = Sandbox(find_isolation())
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        secret = Path(folder) / "secret"
        secret.write_text("unread", encoding="utf-8")
        home = Path.home().resolve()
        bound = [*interpreter(), *map(Path, LIBRARIES)]
        known = [path.relative_to(home).parts[0] for path in bound if path.is_relative_to(home) and path != home]
        # In containers of an arbitrary user it is `/`: what is seen of it then is what has to be there.
        system = home == Path("/") or any(home.is_relative_to(folder) for folder in LIBRARIES)
        arguments = (server.getsockname()[1], str(secret), "" if system else str(home), known)
        calls = [f"escaped{arguments!r}", "works()"]
        code = f"LIMITS = {list(LIMITS)!r}\n{_ATTEMPTS}"
        try:
            reply = await sandbox.complete(to_run(code, calls))
        except EndpointError as error:
            raise ConfigError(
                f"The verifier `code` needs a sandbox, and bubblewrap cannot make one here. {error} A container has to "
                "be started so that user namespaces are allowed in it; on Ubuntu AppArmor may forbid them (sysctl "
                f"kernel.apparmor_restrict_unprivileged_userns). {WITHOUT}."
            ) from None
        changed = secret.read_text(encoding="utf-8") != "unread"
    came_to = execution(reply.text, len(calls))
    escaped, works = (None if isinstance(result, Broke) else result.value for result in came_to.results)
    if escaped or changed:
        can = ", ".join(map(str, escaped or ["change a file of this machine"]))
        raise ConfigError(f"The sandbox does not hold here: code in it can {can}. Nothing is run in it. {WITHOUT}")
    if escaped is None or works != LIMITS:
        told = json.dumps([repr(result)[:100] for result in came_to.results])
        raise ConfigError(
            f"The verifier `code` needs a sandbox, and Python does not work in the one that can be had here ({told}). "
            f"{WITHOUT}"
        )
    return sandbox
