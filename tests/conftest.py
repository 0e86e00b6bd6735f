"""What every test can rely on."""

import os
import signal
import sys

# A shell starts jobs in the background deaf to Ctrl-C, and what is deaf has deaf children: tests send them one.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What this machine measures is no business of the tests: the processor's counters are nowhere, also for child
# processes, and the GPUs' library is not installed.
os.environ["GRA_POWERCAP"] = "/nowhere/powercap"
sys.modules["pynvml"] = None  # type: ignore[assignment]
