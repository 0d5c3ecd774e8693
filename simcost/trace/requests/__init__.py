"""Request logs of public and own formats, on their way to a stored trace."""
