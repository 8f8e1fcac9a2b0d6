"""What every test may ask for."""

import signal

pytest_plugins = ["tests.fixtures.postgres", "tests.fixtures.genuine"]

# Who starts the tests in the background of a script makes them, and the programs that they start,
# deaf to Ctrl-C, which some tests send to such a program.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
