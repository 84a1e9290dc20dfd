"""What must be true of money, as questions that find where it is not: user_id, what is there, what should be.

They trust no constraint and share no code with infra.money, whose work they check.  A question has at most :most rows.
"""

from __future__ import annotations

CHAIN = """
SELECT l.user_id, CONCAT(l.pot, ' entry ', l.entry_no, ': ', l.balance_before, ' + ', l.amount, ' = ', l.balance_after),
       CONCAT('begins at ', COALESCE(b.balance_after, 0))
FROM ledger_entries l
LEFT JOIN ledger_entries b ON b.user_id = l.user_id AND b.pot = l.pot AND b.entry_no = l.prev_no
WHERE l.balance_after <> l.balance_before + l.amount OR l.balance_after < 0 OR l.amount = 0
   OR l.balance_before <> COALESCE(b.balance_after, 0) OR (l.prev_no IS NOT NULL AND b.entry_no IS NULL)
LIMIT :most
"""
FORKS = """
SELECT user_id, CONCAT(pot, ': ', COUNT(*), ' entries follow entry ', COALESCE(prev_no, 0)), '1'
FROM ledger_entries GROUP BY user_id, pot, COALESCE(prev_no, 0), prev_no HAVING COUNT(*) > 1 LIMIT :most
"""
NUMBERS = """
SELECT a.user_id, CONCAT(COALESCE(l.entries, 0), ' entries up to ', COALESCE(l.top, 0)), CONCAT('1..', a.entry_no)
FROM accounts a
LEFT JOIN (SELECT user_id, COUNT(*) AS entries, MAX(entry_no) AS top FROM ledger_entries GROUP BY user_id) l
  ON l.user_id = a.user_id
WHERE a.entry_no <> COALESCE(l.entries, 0) OR a.entry_no <> COALESCE(l.top, 0)
LIMIT :most
"""
BALANCES = """
SELECT a.user_id, CONCAT('paid ', a.paid, ', bonus ', a.bonus, ', debt ', a.debt),
       CONCAT('paid ', COALESCE(l.paid, 0), ', bonus ', COALESCE(l.bonus, 0), ', debt ', COALESCE(l.debt, 0))
FROM accounts a
LEFT JOIN (SELECT user_id, SUM(IF(pot = 'paid', amount, 0)) AS paid, SUM(IF(pot = 'bonus', amount, 0)) AS bonus,
                  SUM(IF(pot = 'debt', amount, 0)) AS debt FROM ledger_entries GROUP BY user_id) l
  ON l.user_id = a.user_id
WHERE a.paid <> COALESCE(l.paid, 0) OR a.bonus <> COALESCE(l.bonus, 0) OR a.debt <> COALESCE(l.debt, 0)
LIMIT :most
"""
OWNERS = """
SELECT l.user_id, CONCAT(COUNT(*), ' entries'), 'an account'
FROM ledger_entries l LEFT JOIN accounts a ON a.user_id = l.user_id
WHERE a.user_id IS NULL GROUP BY l.user_id LIMIT :most
"""
DEBITS = """
SELECT user_id, CONCAT('drama ', drama_id, ' episode ', episode_no, ': debited ', SUM(debited)),
       CONCAT('entitled for ', SUM(price))
FROM (
  SELECT user_id, drama_id, episode_no, -SUM(amount) AS debited, 0 AS price, 0 AS entitled
  FROM ledger_entries WHERE kind = 'unlock' GROUP BY user_id, drama_id, episode_no
  UNION ALL
  SELECT user_id, drama_id, episode_no, -(paid + bonus), 0, 0 FROM refunds
  UNION ALL
  SELECT user_id, drama_id, episode_no, 0, coins, 1 FROM entitlements
) both_sides
GROUP BY user_id, drama_id, episode_no
HAVING SUM(debited) <> SUM(price) OR SUM(entitled) > 1 OR (SUM(debited) <> 0 AND SUM(entitled) <> 1)
LIMIT :most
"""
CREDITS = """
SELECT user_id, CONCAT('ref ', ref, ': the ledger says ', SUM(entered)), CONCAT('credits say ', SUM(credited))
FROM (
  SELECT user_id, ref, SUM(IF(pot = 'debt', -amount, amount)) AS entered, 0 AS credited
  FROM ledger_entries WHERE kind = 'credit' GROUP BY user_id, ref
  UNION ALL
  SELECT user_id, ref, 0, coins FROM credits
) both_sides
GROUP BY user_id, ref HAVING SUM(entered) <> SUM(credited)
LIMIT :most
"""
REFUNDS = """
SELECT user_id, CONCAT('order ', ref, ': the ledger says ', SUM(entered)), CONCAT('refunds say ', SUM(refunded))
FROM (
  SELECT user_id, ref, drama_id, episode_no, SUM(IF(pot = 'debt', -amount, amount)) AS entered, 0 AS refunded
  FROM ledger_entries WHERE kind = 'refund' AND drama_id > 0 GROUP BY user_id, ref, drama_id, episode_no
  UNION ALL
  SELECT user_id, order_id, drama_id, episode_no, 0, paid + bonus FROM refunds
) both_sides
GROUP BY user_id, ref, drama_id, episode_no HAVING SUM(entered) <> SUM(refunded)
LIMIT :most
"""
KINDS = """
SELECT user_id, CONCAT('drama ', drama_id, ' episode ', episode_no, ': came back paid ', SUM(back_paid), ', bonus ',
       SUM(back_bonus)), CONCAT('at most paid ', SUM(paid), ', bonus ', SUM(bonus))
FROM (
  SELECT user_id, drama_id, episode_no, IF(pot = 'paid', -amount, 0) AS paid, IF(pot = 'bonus', -amount, 0) AS bonus,
         0 AS back_paid, 0 AS back_bonus
  FROM ledger_entries WHERE kind = 'unlock'
  UNION ALL
  SELECT user_id, drama_id, episode_no, 0, 0, paid, bonus FROM refunds
) both_sides
GROUP BY user_id, drama_id, episode_no HAVING SUM(back_paid) > SUM(paid) OR SUM(back_bonus) > SUM(bonus)
LIMIT :most
"""
OUTBOX = """
SELECT o.user_id, CONCAT(o.events, ' events, ', o.low, '..', o.top),
       CONCAT('without gaps up to ', COALESCE(a.server_seq, 0))
FROM (SELECT user_id, COUNT(*) AS events, MIN(seq) AS low, MAX(seq) AS top FROM outbox GROUP BY user_id) o
LEFT JOIN accounts a ON a.user_id = o.user_id
WHERE o.top <> COALESCE(a.server_seq, 0) OR o.events <> o.top - o.low + 1
LIMIT :most
"""
EVENTS = """
SELECT a.user_id, CONCAT('event ', a.server_seq), CONCAT(COALESCE(e.entitlements, 0), ' entitlements')
FROM accounts a
LEFT JOIN (SELECT user_id, COUNT(*) AS entitlements FROM entitlements WHERE until_ms = 0 GROUP BY user_id) e
  ON e.user_id = a.user_id
WHERE a.server_seq < COALESCE(e.entitlements, 0)
LIMIT :most
"""

PRICES = """
SELECT MIN(user_id), CONCAT(price_version, ': an episode cost ', MIN(coins), ' and ', MAX(coins)), 'one price'
FROM entitlements WHERE episode_no > 0 AND until_ms = 0
GROUP BY price_version, drama_id HAVING MIN(coins) <> MAX(coins) OR MIN(coins) <= 0
LIMIT :most
"""

RULES = {
    "entries begin where the one before ended": CHAIN,
    "one entry follows one": FORKS,
    "entries are numbered without gaps": NUMBERS,
    "balances are the sums of entries": BALANCES,
    "entries have an account": OWNERS,
    "debits are what entitlements cost": DEBITS,
    "entries are what was credited": CREDITS,
    "entries are what was refunded": REFUNDS,
    "what came back is of the kinds that paid": KINDS,
    "events are numbered without gaps": OUTBOX,
    "every entitlement was told": EVENTS,
    "episodes of one price version cost the same": PRICES,
}
TOTALS = {
    "accounts": "SELECT COUNT(*) FROM accounts",
    "entries": "SELECT COUNT(*) FROM ledger_entries",
    "entitlements": "SELECT COUNT(*) FROM entitlements",
    "debits": "SELECT COUNT(DISTINCT user_id, drama_id, episode_no) FROM ledger_entries WHERE kind = 'unlock'",
    "debited_coins": "SELECT COALESCE(-SUM(amount), 0) FROM ledger_entries WHERE kind = 'unlock'",
    "refunds": "SELECT COUNT(*) FROM refunds",
    "refunded_coins": "SELECT COALESCE(SUM(paid + bonus), 0) FROM refunds",
    "credited_coins": "SELECT COALESCE(SUM(coins), 0) FROM credits",
    "paid": "SELECT COALESCE(SUM(paid), 0) FROM accounts",
    "bonus": "SELECT COALESCE(SUM(bonus), 0) FROM accounts",
    "debt": "SELECT COALESCE(SUM(debt), 0) FROM accounts",
    "waiting_events": "SELECT COUNT(*) FROM outbox WHERE published_ms IS NULL",
}
COUNTERS = "SELECT counter_account, -SUM(amount) FROM ledger_entries GROUP BY counter_account"
