"""The answer: rows make status, headers and body."""
