"""What staff send and are told, as the OpenAPI document shows it: a drama from its papers to a replaced episode."""

from __future__ import annotations

from typing import Any

UPLOAD: dict[str, Any] = {"drama_id": 7, "episode_no": 12, "name": "重生之门 - 第12集.mp4", "size": 48_103_424}
JOB: dict[str, Any] = {
    "drama_id": 7, "episode_no": 12, "source": "incoming/7/12/5f0c2ab9d1e4-_12_.mp4", "wechat": True,
}  # fmt: skip
PAPER: dict[str, Any] = {"name": "cover.jpg", "size": 182_344}
PAPERS: dict[str, Any] = {
    "title": "重生之门",
    "description": "她回到十年前的那一天。",
    "producer": "某某影视",
    "record_number": "(川)网微剧审字(2026)第001号",
    "cover": "papers/7/0/0a1b2c3d4e5f.jpg",
    "certificate": "papers/7/0/1a1b2c3d4e5f.png",
    "production_proofs": ["papers/7/0/2a1b2c3d4e5f.jpg"],
    "actors": [
        {"name": "演员甲", "role": "女主", "photo": "papers/7/0/3a1b2c3d4e5f.jpg"},
        {"name": "演员乙", "role": "男主", "photo": "papers/7/0/4a1b2c3d4e5f.jpg"},
    ],
}
RECORD_NUMBER: dict[str, Any] = {"record_number": "(川)网微剧审字(2026)第001号"}
REPLACEMENT: dict[str, Any] = {"source": "incoming/7/12/9c0c2ab9d1e4-_12_.mp4"}
SCHEDULE: dict[str, Any] = {"from_ms": 1_796_119_200_000, "every_minutes": 1_440, "episodes": 2}
RELEASE_NOW: dict[str, Any] = {"first": 5, "episodes": 2}
POSTER: dict[str, Any] = {"number": 1}
DRAMA: dict[str, Any] = {
    "drama_id": 7,
    "version": "1f0c2ab9d1e45f0c",
    "dossier": PAPERS | {"drama_id": 7},
    "ticked_by": "41",
    "ticked_ms": 1_795_000_000_000,
    "audit": "pending",
    "audit_note": "",
    "platform_id": 20_014_711,
    "submitted_ms": 1_795_000_100_000,
    "audited_ms": 1_795_000_400_000,
    "missing": [],
    "releases": [0, 1_796_119_200_000],
    "episodes": [
        {"episode_no": 1, "media_id": 9_001, "next_media_id": 0, "title": "重生之门", "made_ms": 1_794_999_000_000}
    ],
}
UPLOADED: dict[str, Any] = {
    "key": "incoming/7/12/5f0c2ab9d1e4-_12_.mp4",
    "method": "PUT",
    "address": "/v1/media/storage/incoming/7/12/5f0c2ab9d1e4-_12_.mp4?method=put&size=48103424&expires=1795003600"
    "&signature=nY8xk1m0Q2tT7yq5b3cVwz4aR9dLhE6sJpUoGfKiXvM",
    "expires_ms": 1_795_003_600_000,
}
BEGUN: dict[str, Any] = {"job_id": 123, "new": True}
CANDIDATES: dict[str, Any] = {
    "hash12": "0123456789ab",
    "chosen": 1,
    "by_people": True,
    "candidates": [
        {
            "number": 1,
            "at_ms": 61_000,
            "sharpness": 60.0,
            "pictures": [
                {
                    "width": 480,
                    "kind": "webp",
                    "address": "/v1/posters/7/12/0123456789ab/1-480.webp",
                    "preview": "/v1/media/storage/posters/7/12/0123456789ab/1-480.webp?method=get&size=0"
                    "&expires=1795003600&signature=nY8xk1m0Q2tT7yq5b3cVwz4aR9dLhE6sJpUoGfKiXvM",
                }
            ],
        }
    ],
}
