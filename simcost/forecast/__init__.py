"""What may happen: from a history of demand to a distribution of futures.

Members are fitted to a cleaned history, combined, backtested, and drawn as sample paths over the whole
horizon; what the user knows of the future is laid over them. Nothing here opens a file.
"""
