CREATE VIEW IF NOT EXISTS unlock_daily
(
    day Date COMMENT 'day of Asia/Shanghai on which it was unlocked',
    drama_id UInt64 COMMENT 'drama',
    unlocks UInt64 COMMENT 'unlocks of its episodes and of the drama as a whole, each once',
    viewers UInt64 COMMENT 'different viewers who unlocked; do not add up over days or dramas',
    paid_coins UInt64 COMMENT 'paid coins that were debited',
    bonus_coins UInt64 COMMENT 'bonus coins that were debited'
)
AS
SELECT
    toDate(ts) AS day, drama_id, count() AS unlocks, uniqExact(user_id) AS viewers,
    sum(events.paid_coins) AS paid_coins, sum(events.bonus_coins) AS bonus_coins
FROM events
WHERE event_type = 'unlocked'
GROUP BY day, drama_id
COMMENT 'One row a day (Asia/Shanghai) and drama with at least one unlock, a few seconds after it. The truth about coins is the ledger in MySQL; this is what it told the log. Coins given back later are not taken off here.'
