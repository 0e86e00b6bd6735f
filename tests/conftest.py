"""What every test can rely on."""

import signal

# A shell starts jobs in the background deaf to Ctrl-C, and what is deaf has deaf children: tests send them one.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
