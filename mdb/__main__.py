"""`python -m mdb` is the command `mdb`."""

from mdb.cli import main

main()
