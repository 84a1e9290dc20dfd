ALTER TABLE events
    ADD COLUMN IF NOT EXISTS propensity Float32 COMMENT 'impression, clicked: chance with which this drama had this place, as the feed told the client and the client told back; 0: not known'
