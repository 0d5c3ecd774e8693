"""Requests sampled along expected rates: gaps, tokens, conversations, clients."""
