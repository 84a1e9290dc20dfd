"""Every setting of every process, read once by its composition root.

From the environment (JULIU_*), else from the file that the local stack wrote (`var/local.env`, JULIU_HOME moves it).
Secrets have no default: the local stack makes its own at its first start, anywhere else the environment must give them.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain import experiments
from infra.place import home

SHORTEST_S = 60  # a period of `juliu schedule`


class Settings(BaseSettings):
    """One field a setting; the name in the environment is JULIU_ and the field's name in capitals."""

    model_config = SettingsConfigDict(env_prefix="JULIU_", extra="ignore", frozen=True)

    env: Literal["development", "production"] = Field(
        "development", description="production refuses weak secrets, and episodes whose record number nobody ticked"
    )

    kafka: str = Field("127.0.0.1:9092", pattern=r"\S:\d+", description="bootstrap servers")
    partitions: int = Field(
        4, ge=1, le=1024, description="P of juliu.events; written down at the first migrate, never changes"
    )
    replication: int = Field(1, ge=1, le=5, description="replicas of each topic; 3 in production")
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        pattern=r"^(rediss?|unix)://\S",
        description="fences, counters, feed state, recommendations",
    )
    clickhouse_url: str = Field("http://127.0.0.1:8123", pattern=r"^https?://\S", description="HTTP interface")
    clickhouse_user: str = Field("default", min_length=1, description="ClickHouse user")
    clickhouse_password: SecretStr = Field(SecretStr(""), description="ClickHouse password")
    clickhouse_database: str = Field("juliu", min_length=1, description="database of all our tables")
    clickhouse_engine_prefix: Literal["", "Replicated"] = Field("", description="Replicated on a cluster with Keeper")
    mysql_url: SecretStr = Field(
        SecretStr("mysql+pymysql://juliu@127.0.0.1:3306/juliu"),
        min_length=len("mysql+pymysql://h/d"),
        description="catalogue and money",
    )

    jwt_secret: SecretStr = Field(SecretStr(""), description="HS256 key of viewers' tokens, at least 32 bytes")
    ticket_secret: SecretStr = Field(
        SecretStr(""), description="HMAC key of playback tickets and media addresses, at least 32 bytes"
    )
    ticket_secret_previous: SecretStr = Field(
        SecretStr(""), description="the key before; what it signed is still taken (for 30 days after a change)"
    )
    ticket_life_s: int = Field(
        6 * 3_600, ge=600, le=7 * 86_400, description="how long after it was given out a ticket lets a playback begin"
    )
    media_url_life_s: int = Field(
        3_600, ge=60, le=86_400, description="how long a media address works; up to 5 minutes more"
    )
    media_root: str = Field("", description="folder that the catalogue's media_path is below; none: no video is served")
    media_key_secret: SecretStr = Field(
        SecretStr(""), description="seals the keys of encrypted video, at least 32 bytes; none: no encrypted video"
    )
    media_key_secret_previous: SecretStr = Field(
        SecretStr(""), description="the secret before; what it sealed still opens"
    )
    media_grant_life_s: int = Field(
        900, ge=360, le=900, description="longest time that an address of encrypted video works; up to 5 minutes less"
    )
    media_cdn_url: str = Field(
        "",
        pattern=r"^(https?://[A-Za-z0-9.:-]+)?$",
        description="CDN that has the segments, as https://host; none: the API sends them itself",
    )
    media_cdn_signing: Literal["A", "B", "C", "C-edgeone", "D"] = Field(
        "D", description="how addresses of the CDN are signed, as its console is set"
    )
    media_cdn_key: SecretStr = Field(SecretStr(""), description="key that addresses of the CDN are signed with")
    media_cdn_life_s: int = Field(
        900, ge=60, le=86_400, description="how long the CDN takes an address, as its console is set"
    )
    media_cdn_api: str = Field(
        "",
        pattern=r"^(https?://[A-Za-z0-9.:-]+)?$",
        description="where the CDN is told of changes, https://cdn.tencentcloudapi.com; none: nothing is told",
    )
    media_engine: Literal["local", "cos"] = Field(
        "local", description="where media lies and is processed: the folder JULIU_MEDIA_ROOT, or Tencent COS and CI"
    )
    media_public_url: str = Field(
        "",
        pattern=r"^(https?://[A-Za-z0-9.:-]+)?$",
        description="how others reach the API for files of the local engine; none: JULIU_API_HOST and JULIU_API_PORT",
    )
    cos_bucket: str = Field("", pattern=r"^([a-z0-9-]+-[0-9]+)?$", description="bucket with the account's number")
    cos_region: str = Field("", pattern=r"^[a-z0-9-]*$", description="region of the bucket, such as ap-shanghai")
    cos_secret_id: SecretStr = Field(SecretStr(""), description="id of the account's permanent key")
    cos_secret_key: SecretStr = Field(SecretStr(""), description="the account's permanent key")
    cos_scheme: Literal["https", "http"] = Field("https", description="how COS and CI are spoken to")
    cos_stand_in: str = Field(
        "", pattern=r"^(127\.0\.0\.1:\d+)?$", description="a stand-in of COS and CI on this machine; tests only"
    )
    ci_queue_id: str = Field("", pattern=r"^[A-Za-z0-9]*$", description="queue of CI's jobs; none: the bucket's own")
    ci_callback_url: str = Field(
        "", pattern=r"^(https?://\S+)?$", description="where CI tells that a job ended; none: it is only asked"
    )
    media_work: str = Field("", description="folder that media workers work in; none: run/media-work of JULIU_HOME")
    media_work_mb: int = Field(20_000, ge=10, description="what one step may write there")
    media_lease_ms: int = Field(
        30_000,
        ge=1_000,
        le=600_000,
        description="after a media worker was killed, others wait so long for its step",
    )
    media_poll_ms: int = Field(
        1_000, ge=10, le=60_000, description="longest time before a media worker looks for new steps"
    )
    media_prices: str = Field(
        "", description="file with the prices of media jobs in yuan (docs/media.md); none: list prices"
    )
    wechat_appid: str = Field(
        "",
        pattern=r"^[0-9A-Za-z_-]{0,64}$",
        description="app whose WeChat media library is used; none: no WeChat steps",
    )
    wechat_secret: SecretStr = Field(SecretStr(""), description="the app's secret (AppSecret)")
    wechat_api: str = Field("https://api.weixin.qq.com", pattern=r"^https?://\S+$", description="WeChat's server API")
    wechat_push_token: SecretStr = Field(
        SecretStr(""), description="Token of WeChat's message push; none: its events are not taken, only asked for"
    )
    wechat_push_key: SecretStr = Field(
        SecretStr(""), description="EncodingAESKey of WeChat's message push (secure mode), 43 characters"
    )
    wechat_push_key_previous: SecretStr = Field(
        SecretStr(""), description="the EncodingAESKey before; what it encrypted is still read"
    )
    api_host: str = Field("127.0.0.1", description="address that the API binds")
    api_port: int = Field(8000, ge=0, le=65535, description="port that the API binds")
    backfill_anywhere: bool = Field(False, description="take tokens of scope backfill from outside loopback too")
    ack_timeout_ms: int = Field(
        10_000, ge=100, le=60_000, description="longest wait for Kafka before the API answers 503"
    )
    queue_high_water: int = Field(
        50_000, ge=100, description="messages waiting for Kafka past which the API answers 503"
    )
    queue_high_water_bytes: int = Field(
        64 << 20, ge=1 << 20, description="the same in bytes, unfinished bodies included"
    )
    api_connections: int = Field(4_096, ge=8, description="connections past which a worker of the API refuses more")

    worker_id: str = Field("1", description="names this worker among its group (static membership); unique per process")
    metrics_host: str = Field("127.0.0.1", description="address that a worker's metrics_port binds")
    metrics_port: int = Field(0, ge=0, le=65535, description="port of a worker's /livez /readyz /metrics; 0 is none")
    pulse_ms: int = Field(1_000, ge=100, le=60_000, description="age at which the store closes an open block")
    relay_poll_ms: int = Field(200, ge=10, le=10_000, description="longest time before the relay looks for new rows")
    relay_batch: int = Field(500, ge=1, le=10_000, description="outbox rows that the relay sends and marks together")
    relay_lease_ms: int = Field(
        6_000, ge=1_000, le=300_000, description="after a relay was killed, others take its rows when this has passed"
    )
    experiment: str = Field(
        "", max_length=4_000, description="arms of the feed as JSON (docs/experiments.md); none: everybody in `base`"
    )
    feed_random_share: float = Field(
        0.01, ge=0, le=0.2, description="share of the feed's places that are left to chance (docs/feed.md)"
    )
    viewer_region: str = Field(
        "",
        max_length=17,
        description="region of viewers whose token says none; none: no region is held against a drama",
    )
    viewer_age: int = Field(17, ge=0, le=150, description="age in years of viewers whose token says none")
    train_interval_s: int = Field(3_600, ge=0, description="time between trainings of `juliu schedule`; 0 is never")
    lists_interval_s: int = Field(
        3_600, ge=0, description="time between new lists of what people also watched; 0 is never"
    )
    fold_in_interval_s: int = Field(
        300, ge=0, description="time between new lists for viewers who were active; 0 is never"
    )
    cold_interval_s: int = Field(
        300, ge=0, description="time between new choices of which new dramas are explored; 0 is never"
    )

    canary_every_s: int = Field(30, ge=0, le=3_600, description="time between canaries of `juliu schedule`; 0 is none")
    canary_url: str = Field(
        "", description="API that canaries go to; none: the one at JULIU_API_HOST and JULIU_API_PORT"
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least severe line that is logged"
    )

    @field_validator("train_interval_s", "lists_interval_s", "fold_in_interval_s", "cold_interval_s")
    @classmethod
    def _seldom(cls, seconds: int) -> int:
        if 0 < seconds < SHORTEST_S:
            raise ValueError(f"0 (never) or at least {SHORTEST_S}")
        return seconds

    @field_validator("experiment")
    @classmethod
    def _sound(cls, text: str) -> str:
        experiments.parse(text)
        return text


def load() -> Settings:
    """The settings of this process.  Raises pydantic.ValidationError naming what is wrong."""
    return Settings(_env_file=home() / "local.env")  # type: ignore[call-arg]
