CREATE OR REPLACE VIEW unlock_daily
(
    day Date COMMENT 'day of Asia/Shanghai on which it was unlocked, or refunded',
    drama_id UInt64 COMMENT 'drama',
    unlocks UInt64 COMMENT 'unlocks of its episodes and of the drama as a whole, each once',
    viewers UInt64 COMMENT 'different viewers who unlocked; do not add up over days or dramas',
    paid_coins UInt64 COMMENT 'paid coins that were debited',
    bonus_coins UInt64 COMMENT 'bonus coins that were debited',
    refunds UInt64 COMMENT 'unlocks, of this day or an earlier one, that were taken back on this day',
    paid_coins_back UInt64 COMMENT 'paid coins that came back',
    bonus_coins_back UInt64 COMMENT 'bonus coins that came back'
)
AS
SELECT
    toDate(ts) AS day, drama_id, countIf(event_type = 'unlocked') AS unlocks,
    uniqExactIf(user_id, event_type = 'unlocked') AS viewers,
    sumIf(events.paid_coins, event_type = 'unlocked') AS paid_coins,
    sumIf(events.bonus_coins, event_type = 'unlocked') AS bonus_coins,
    countIf(event_type = 'refunded') AS refunds,
    sumIf(events.paid_coins, event_type = 'refunded') AS paid_coins_back,
    sumIf(events.bonus_coins, event_type = 'refunded') AS bonus_coins_back
FROM events
WHERE event_type IN ('unlocked', 'refunded')
GROUP BY day, drama_id
COMMENT 'One row a day (Asia/Shanghai) and drama with at least one unlock or refund, a few seconds after it. The truth about coins is the ledger in MySQL; this is what it told the log. A refund stands on its own day and takes nothing off the day of the unlock.'
