"""Sockets: they subscribe, then snapshot, then forward. They hold no rules."""
