"""Texts out of nested tables of wordings."""


def texts_of(value: object) -> list[str]:
    """All texts of a table, a list of them, or a text alone, in order."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value
    return [text for one in inner for text in texts_of(one)]
