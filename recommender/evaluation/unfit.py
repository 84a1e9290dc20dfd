"""Why a log cannot be measured: what was asked or given is to be mended; trying again does not help."""


class Unfit(ValueError):
    """The text says which file, column or option, and what is wrong with it."""
