"""Requests drawn along expected rates: gaps, tokens, conversations, clients."""
