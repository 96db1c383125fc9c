"""What a service says when it will not do what was asked."""


class Refused(Exception):
    """A write that the rules forbid; the message is a sentence for the person who asked."""
