ALTER TABLE rec_models
    ADD COLUMN IF NOT EXISTS limits String COMMENT 'JSON: every number of the gate, its version too; empty before there was one' AFTER weights,
    ADD COLUMN IF NOT EXISTS not_measured Map(LowCardinality(String), String) COMMENT 'what of metrics is missing, by name, and why' AFTER metrics,
    ADD COLUMN IF NOT EXISTS overruled String COMMENT 'why a person published it in spite of what reason says (juliu train --overrule); empty: nobody had to' AFTER reason,
    MODIFY COLUMN reason String COMMENT 'why it was refused or would have been, or who rolled back; empty where all was well',
    MODIFY COLUMN metrics Map(LowCardinality(String), Float64) COMMENT 'what it was worth, by name of the metric (docs/runbooks/training.md): name.low and name.high are the ends of its 95 % interval'
