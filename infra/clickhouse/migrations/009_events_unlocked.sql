ALTER TABLE events
    ADD COLUMN IF NOT EXISTS way LowCardinality(String) COMMENT 'unlocked: what opened the episode; empty and coin are coins',
    ADD COLUMN IF NOT EXISTS paid_coins UInt32 COMMENT 'unlocked: paid coins that were debited',
    ADD COLUMN IF NOT EXISTS bonus_coins UInt32 COMMENT 'unlocked: bonus coins that were debited',
    ADD COLUMN IF NOT EXISTS price_version LowCardinality(String) COMMENT 'unlocked: version of the price that the viewer was shown',
    COMMENT COLUMN event_type 'play_started, heartbeat, play_ended, liked, unliked, followed, unfollowed, shared, disliked, impression, clicked, unlocked',
    COMMENT COLUMN session_id 'session of the viewer (UUID as text), or server for what MySQL decided; seq counts inside it'
