ALTER TABLE blocks
    ADD COLUMN IF NOT EXISTS next_limit UInt32 DEFAULT 20000 COMMENT 'limit of the block after this one, in records: how the log is cut from here on (with it a lost Redis can be made again)'
