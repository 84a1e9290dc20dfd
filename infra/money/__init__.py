"""Money in MySQL: accounts, a double-entry ledger, entitlements, and the outbox that tells the log.

Lock order, in every transaction: the viewer's row of `accounts` first, then whatever else; one viewer a transaction.
So two transactions of one viewer wait for each other and those of two viewers never do.
"""
