"""Arguments of another type than the signature's, refused by name before something deeper fails on them."""

import reprlib


def require_instance(name: str, value: object, kind: type) -> None:
    """Refuse a value that is no `kind`.

    Raises:
        ValueError: with the argument's name, the type expected and what was given.
    """
    if not isinstance(value, kind):
        raise ValueError(f"{name} must be a {kind.__name__}, got {type(value).__name__}: {reprlib.repr(value)}")
