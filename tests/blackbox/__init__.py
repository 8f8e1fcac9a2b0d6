"""The command as its users run it, seen from outside: processes, signals, HTTP."""
