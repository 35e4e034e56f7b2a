"""The device itself: what it is, what it draws, how hot it gets, and what to set right on it.

Standard library only. Every reader takes the root of a file system, so that a recorded one serves
as well; what a machine does not tell is None or empty, never an error.
"""
