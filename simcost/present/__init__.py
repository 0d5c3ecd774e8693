"""Presentation of finished results: parts, HTML, chart style, number formats. Nothing here computes a number."""
