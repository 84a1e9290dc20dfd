CREATE VIEW IF NOT EXISTS plays
(
    day Date COMMENT 'day of Asia/Shanghai on which the playback began',
    user_id UInt64 COMMENT 'viewer',
    session_id String COMMENT 'session of the viewer',
    play_id UUID COMMENT 'playback; (user_id, session_id, play_id) is unique',
    drama_id UInt64 COMMENT 'drama',
    episode_no UInt32 COMMENT 'episode of the drama, from 1',
    first_at DateTime64(3, 'Asia/Shanghai') COMMENT 'its earliest event',
    last_at DateTime64(3, 'Asia/Shanghai') COMMENT 'its latest event',
    started Bool COMMENT 'its play_started is here',
    ended Bool COMMENT 'its play_ended is here; where not, the client was killed or the end is not here yet',
    reason String COMMENT 'why it ended, in the words of the client; empty where it did not say',
    duration_ms UInt64 COMMENT 'length of the episode',
    watched_ms UInt64 COMMENT 'milliseconds of the episode that were watched, each counted once however often it was seen',
    furthest_ms UInt64 COMMENT 'the furthest place of the episode that was watched',
    wall_ms UInt64 COMMENT 'time that the viewer spent watching; less than watched_ms at high speed, more with repeats',
    stalls UInt64 COMMENT 'times that the player stood still',
    stall_ms UInt64 COMMENT 'time that the player stood still',
    first_frame_ms UInt32 COMMENT 'time from the request to the first frame; 0 where the client did not say',
    is_view Bool COMMENT 'watched at least 3 s, or all of a shorter episode',
    is_valid Bool COMMENT 'watched at least 7 s, or all of a shorter episode',
    is_long Bool COMMENT 'watched at least 18 s, or all of a shorter episode',
    is_complete Bool COMMENT 'watched at least 95 % of the episode',
    qualified Bool COMMENT 'the playback may heat its drama',
    bits UInt8 COMMENT 'the same five as the app keeps them: view 1, valid 2, long 4, complete 8, qualified 16',
    request_id String COMMENT 'answer of the feed that led here; empty where none did',
    app_id String COMMENT 'mini-program',
    platform String COMMENT 'client platform',
    version String COMMENT 'client version',
    network String COMMENT 'network of the device',
    scene UInt32 COMMENT 'WeChat scene by which the mini-program was opened',
    channel String COMMENT 'marketing channel'
)
AS
SELECT
    toDate(first_at) AS day, user_id, session_id, play_id, drama_id, episode_no, first_at, last_at,
    started, ended, reason, duration_ms, watched_ms, furthest_ms, wall_ms, stalls, stall_ms, first_frame_ms,
    toBool(watched_ms > 0 AND watched_ms >= least(3000, duration_ms)) AS is_view,
    toBool(watched_ms > 0 AND watched_ms >= least(7000, duration_ms)) AS is_valid,
    toBool(watched_ms > 0 AND watched_ms >= least(18000, duration_ms)) AS is_long,
    toBool(watched_ms > 0 AND watched_ms * 1000 >= duration_ms * 950) AS is_complete,
    qualified,
    is_view + 2 * is_valid + 4 * is_long + 8 * is_complete + 16 * qualified AS bits,
    request_id, app_id, platform, version, network, scene, channel
FROM
(
    WITH least(to_ms, events.duration_ms) AS end_ms
    SELECT
        user_id, session_id, play_id,
        any(events.drama_id) AS drama_id,
        any(events.episode_no) AS episode_no,
        min(ts) AS first_at,
        max(ts) AS last_at,
        toBool(countIf(event_type = 'play_started')) AS started,
        toBool(countIf(event_type = 'play_ended')) AS ended,
        anyIf(events.reason, event_type = 'play_ended') AS reason,
        max(events.duration_ms) AS duration_ms,
        intervalLengthSumIf(from_ms, end_ms, from_ms < end_ms) AS watched_ms,
        maxIf(end_ms, from_ms < end_ms) AS furthest_ms,
        sum(events.wall_ms) AS wall_ms,
        sum(events.stalls) AS stalls,
        sum(events.stall_ms) AS stall_ms,
        max(events.first_frame_ms) AS first_frame_ms,
        max(events.qualified) AS qualified,
        anyIf(events.request_id, events.request_id != '') AS request_id,
        any(events.app_id) AS app_id,
        any(events.platform) AS platform,
        any(events.version) AS version,
        any(events.network) AS network,
        any(events.scene) AS scene,
        any(events.channel) AS channel
    FROM events
    WHERE event_type IN ('play_started', 'heartbeat', 'play_ended')
    GROUP BY user_id, session_id, play_id
)
COMMENT 'One row a playback: what was watched of one episode in one go, by the playback rule of the app (version 1), so that sums over it agree with the counters of the app. A playback belongs wholly to the day (Asia/Shanghai) on which it began. It grows while it is watched and can still grow up to 7 days later, when a phone that was offline sends its events; what comes after that is in late_events and not here.'
