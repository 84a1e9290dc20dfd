"""`python -m juliu` is `juliu`."""

from juliu.cli import main

main()
