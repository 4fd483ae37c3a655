"""What setup.py and teardown.py share. Standard library only: it runs before anything is installed."""
