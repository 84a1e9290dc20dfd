ALTER TABLE events
    COMMENT COLUMN paid_coins 'unlocked: paid coins that were debited; refunded: paid coins that came back',
    COMMENT COLUMN bonus_coins 'unlocked: bonus coins that were debited; refunded: bonus coins that came back',
    COMMENT COLUMN price_version 'unlocked: version of the price that the viewer was shown; refunded: that of the unlock',
    COMMENT COLUMN event_type 'play_started, heartbeat, play_ended, liked, unliked, followed, unfollowed, shared, disliked, impression, clicked, unlocked, refunded'
