"""The settings name the engine; what it needs and has not is said before anything is begun."""

from __future__ import annotations

import time

import pytest
from pydantic import ValidationError

from infra.settings import Settings
from media_jobs import engines
from media_jobs.cos.processing import CosProcessing
from media_jobs.cos.storage import CosStorage
from media_jobs.local.processing import LocalProcessing
from media_jobs.local.storage import LocalStorage

COS = {
    "media_engine": "cos", "cos_bucket": "media-1250000000", "cos_region": "ap-shanghai", "cos_secret_id": "AKIDx",
    "cos_secret_key": "the-key",
}  # fmt: skip
LOCAL = {"media_root": "/srv/media", "ticket_secret": "s" * 32}


def test_without_a_word_it_is_a_folder_and_ffmpeg():
    storage = engines.storage_of(Settings(**LOCAL))
    assert isinstance(storage, LocalStorage)
    processing = engines.processing_of(Settings(**LOCAL), storage)
    assert isinstance(processing, LocalProcessing)
    assert not processing.paid
    address = storage.pull_address("mezzanine/7/3/0123456789ab.mp4", 600)
    assert address.startswith("http://127.0.0.1:8000/v1/")


def test_others_are_told_the_public_address():
    settings = Settings(**LOCAL, media_public_url="https://api.example.com")
    address = engines.storage_of(settings).pull_address("mezzanine/7/3/0123456789ab.mp4", 600)
    assert address.startswith("https://api.example.com/v1/")


def test_cos_is_the_bucket_and_ci():
    settings = Settings(**COS)
    storage = engines.storage_of(settings)
    assert isinstance(storage, CosStorage)
    processing = engines.processing_of(settings, storage)
    assert isinstance(processing, CosProcessing)
    assert processing.paid
    address = storage.upload_address("incoming/7/3/clip.mp4", 600, 5)
    assert address.startswith("https://media-1250000000.cos.ap-shanghai.myqcloud.com/incoming/7/3/clip.mp4?")
    assert abs(int(address.split("%3B")[1].split("&")[0]) - time.time() - 600) < 60


@pytest.mark.parametrize("missing", ["cos_bucket", "cos_region", "cos_secret_id", "cos_secret_key"])
def test_what_cos_lacks_is_named_and_its_key_is_not(missing):
    with pytest.raises(engines.NotSet, match=f"JULIU_{missing.upper()}") as caught:
        engines.storage_of(Settings(**{**COS, missing: ""}))
    assert "the-key" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "named"), [({"media_root": ""}, "JULIU_MEDIA_ROOT"), ({"ticket_secret": "short"}, "JULIU_TICKET_SECRET")]
)
def test_what_the_folder_lacks_is_named(change, named):
    with pytest.raises(engines.NotSet, match=named):
        engines.storage_of(Settings(**{**LOCAL, **change}))


def test_production_never_speaks_to_a_stand_in():
    with pytest.raises(engines.NotSet, match="JULIU_COS_STAND_IN"):
        engines.storage_of(Settings(**COS, cos_stand_in="127.0.0.1:9", env="production"))


def test_a_stand_in_is_on_this_machine():
    with pytest.raises(ValidationError):
        Settings(**COS, cos_stand_in="10.0.0.1:9")
