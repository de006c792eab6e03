"""Who may do what: principals, scopes, API keys, tokens; asked by every door."""
