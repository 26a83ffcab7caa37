"""Emulators of Google Cloud services on the real wire: the vendors' own clients talk to them on this machine."""
