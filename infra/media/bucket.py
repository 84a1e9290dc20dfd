"""The bucket of the engine `cos` as the settings name it, for who works in it and who only signs addresses."""

from __future__ import annotations

from domain.media.cos_signature import Bucket
from infra.settings import Settings


def lacking(settings: Settings) -> list[str]:
    """The names of what is not set of it."""
    needed = {
        "JULIU_COS_BUCKET": settings.cos_bucket, "JULIU_COS_REGION": settings.cos_region,
        "JULIU_COS_SECRET_ID": settings.cos_secret_id.get_secret_value(),
        "JULIU_COS_SECRET_KEY": settings.cos_secret_key.get_secret_value(),
    }  # fmt: skip
    return [name for name, value in needed.items() if not value]


def bucket_of(settings: Settings) -> Bucket | None:
    """The bucket and its keys; None where a part of it is not set."""
    if lacking(settings):
        return None
    secret_id, secret_key = settings.cos_secret_id.get_secret_value(), settings.cos_secret_key.get_secret_value()
    return Bucket(settings.cos_bucket, settings.cos_region, secret_id, secret_key, settings.cos_scheme)
