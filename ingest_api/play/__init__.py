"""May a viewer play an episode, how (a signed address, a ticket), and the video itself until media jobs exist."""
