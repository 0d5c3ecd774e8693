"""Facts and price lists: list, show, import, compare."""
