"""Telling the feed to others: subscriptions, the relay, dead letters, stable studies."""
