"""What the WeChat stand-in does for each call of wxa/sec/vod: its own reading of the documents."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.standins.wechat_state import PASSED, PENDING, REFILL, Account, Audit, Drama, Media, Task

Answer = dict[str, Any]
NAME = re.compile(r"[^\W_](.*[^\W_])? - 第[1-9][0-9]*集", re.DOTALL)
TITLE = re.compile(r"[^\W_](.*[^\W_])?", re.DOTALL)
MATERIAL_S, LINK_S, REPLACE_S = 3 * 86_400, 7_200, 7 * 86_400


class No(Exception):
    """An errcode."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(code)
        self.code, self.message = code, message


Tell = Callable[[dict[str, Any]], None]


def pullupload(account: Account, body: Answer, tell: Tell) -> Answer:
    _initialised(account)
    if not NAME.fullmatch(body["media_name"]):
        raise No(10090042, "剧集名称不符合规范")
    task_id = account.number()
    hangs = account.traits.pull_hangs > 0
    account.traits.pull_hangs -= int(hangs)
    takes = account.traits.hang_takes if hangs else account.traits.pull_takes
    task = Task(task_id, body["media_name"], body["media_url"], body.get("source_context", ""), takes)
    account.tasks[task_id] = task
    if not takes:
        _pulled(account, task, tell)
    return {"task_id": task_id}


def gettask(account: Account, body: Answer, tell: Tell) -> Answer:
    task = account.tasks.get(int(body["task_id"]))
    if task is None:
        raise No(10093030, "资源不存在")
    step(account, task, tell)
    info = {"task_type": 1, "status": task.status, "errcode": task.errcode, "errmsg": "", "media_id": task.media_id}
    return {"task_info": info}


def step(account: Account, task: Task, tell: Tell) -> None:
    """A pull gets on whenever somebody looks at anything."""
    if task.status in (1, 2):
        task.looks_left -= 1
        task.status = 2
        if task.looks_left <= 0:
            _pulled(account, task, tell)


def _pulled(account: Account, task: Task, tell: Tell) -> None:
    size = None if account.happens(account.traits.pull_fails) else account.size_of(task.address)
    if size is None:
        task.status, task.errcode = 4, 60000
        tell(_upload_event(0, task.context, 60000))
        return
    seconds = account.seconds_of(task.address)
    media = Media(account.number(), task.name, size, task.context, account.now_s(), duration=seconds)
    account.media[media.media_id] = media
    task.status, task.media_id = 3, media.media_id
    tell(_upload_event(media.media_id, task.context, 0))


def _upload_event(media_id: int, context: str, code: int) -> Answer:
    inner = {"media_id": media_id, "source_context": context, "errcode": code, "errmsg": "ok" if not code else "failed"}
    return {"MsgType": "event", "Event": "secvod_upload_event", "upload_event": inner}


def listmedia(account: Account, body: Answer, tell: Tell) -> Answer:
    for task in list(account.tasks.values()):
        step(account, task, tell)
    found = sorted(account.media.values(), key=lambda one: -one.media_id)
    if wanted := body.get("media_name"):
        pattern = re.escape(wanted).replace("%", ".*")
        found = [one for one in found if re.fullmatch(pattern, one.name)]
    if drama_id := body.get("drama_id"):
        found = [one for one in found if one.drama_id == drama_id]
    found = [one for one in found if one.created_s >= body.get("start_time", 0)]
    offset, limit = body.get("offset", 0), min(100, body.get("limit", 100))
    return {"media_info_list": [_media(account, one) for one in found[offset : offset + limit]]}


def getmedia(account: Account, body: Answer, tell: Tell) -> Answer:
    one = _of(account, body["media_id"])
    drama = next(
        (its for its in account.dramas.values() if its.replacement is account.replacements.get(one.media_id)), None
    )
    if drama and drama.replacement:
        drama.stale_left -= 1
        _look(account, drama, drama.replacement, 2, tell)
    return {"media_info": _media(account, one)}


def _media(account: Account, one: Media) -> Answer:
    drama, replacement = account.dramas.get(one.drama_id), account.replacements.get(one.media_id)
    detail = {"status": drama.audit.status if drama else 0, "reason": one.reason, "create_time": 0, "audit_time": 0}
    if replacement and not any(
        its.replacement is replacement and its.stale_left >= 0 for its in account.dramas.values()
    ):
        detail |= _detail(replacement)
    if account.traits.silent_media:
        detail = {}
    size: object = str(one.size) if account.traits.sizes_as_text else one.size
    return {
        "media_id": one.media_id, "name": one.name, "create_time": one.created_s, "drama_id": one.drama_id,
        "file_size": size, "duration": one.duration, "audit_detail": detail,
    }  # fmt: skip


def deletemedia(account: Account, body: Answer, tell: Tell) -> Answer:
    one = _of(account, body["media_id"])
    if one.drama_id:
        raise No(10090040, "剧集已经被占用")
    del account.media[one.media_id]
    account.deleted.append(one.media_id)
    return {}


def auditdrama(account: Account, body: Answer, tell: Tell) -> Answer:
    _materials(account, body)
    if "drama_id" in body:
        return _again(account, body, tell)
    if not TITLE.fullmatch(body.get("name", "")):
        raise No(10090041, "剧目名称不符合规范")
    if any(one.name == body["name"] for one in account.dramas.values()):
        raise No(10093014, "剧目名称重复")
    media = [_of(account, media_id) for media_id in body["media_id_list"]]
    if len(media) != body["media_count"] or any(one.drama_id for one in media):
        raise No(10090040, "剧集已经被占用")
    if [one.name for one in media] != [f"{body['name']} - 第{number}集" for number in range(1, len(media) + 1)]:
        raise No(10093014, "剧集数目不连贯或不完整")
    audit = Audit(PENDING, account.traits.audit, account.traits.audit_takes, account.now_s())
    drama = Drama(account.number(), body["name"], [one.media_id for one in media], body, account.now_s(), audit)
    drama.links_left = account.traits.empty_links
    account.dramas[drama.drama_id] = drama
    for one in media:
        one.drama_id = drama.drama_id
    return {"drama_id": drama.drama_id}


def _again(account: Account, body: Answer, tell: Tell) -> Answer:
    drama = _drama(account, body)
    if drama.audit.status == PENDING:
        raise No(10090007, "剧目正在审核中!")
    if drama.audit.status != REFILL:
        raise No(10093014, "已经提审")
    for pair in body.get("replace_media_list", []):
        _moved(account, drama, pair["old"], pair["new"])
    drama.body, takes = body, account.traits.audit_takes
    drama.before, drama.stale_left = drama.audit, account.traits.stale_looks
    drama.audit = Audit(PENDING, account.traits.audit, takes, account.now_s())
    return {"drama_id": drama.drama_id}


def _materials(account: Account, body: Answer) -> None:
    """Each temporary id was uploaded in the last three days."""
    named = re.findall(r"MAT\d+", repr(body))
    fresh = {one for one, at_s in account.materials.items() if at_s > account.now_s() - MATERIAL_S}
    needed = {"cover_material_id", "copyright", "qualification_type"} - set(body)
    if set(named) - fresh or needed or (body["qualification_type"] == 1 and not body.get("registration_number")):
        raise No(10090018, "存在无效参数")


def getdrama(account: Account, body: Answer, tell: Tell) -> Answer:
    drama = _drama(account, body)
    drama.stale_left -= 1
    if drama.before and drama.stale_left >= 0:
        return {"drama_info": {**_info(drama), "audit_detail": _detail(drama.before)}}
    _look(account, drama, drama.audit, 0, tell)
    return {"drama_info": _info(drama)}


def listdramas(account: Account, body: Answer, tell: Tell) -> Answer:
    offset, limit = body.get("offset", 0), min(100, body.get("limit", 100))
    newest = sorted(account.dramas.values(), key=lambda one: -one.drama_id)
    return {"drama_info_list": [_info(one) for one in newest[offset : offset + limit]]}


def _info(drama: Drama) -> Answer:
    status = 3 if drama.down else {PASSED: 0, PENDING: 1}.get(drama.audit.status, 2)
    return {
        "drama_id": drama.drama_id, "name": drama.name, "create_time": drama.created_s, "status": status,
        "media_count": len(drama.media), "media_list": [{"media_id": one} for one in drama.media],
        "audit_detail": _detail(drama.audit),
    }  # fmt: skip


def _detail(audit: Audit) -> Answer:
    return {"status": audit.status, "create_time": audit.created_s, "audit_time": audit.audited_s}


def _look(account: Account, drama: Drama, audit: Audit, kind: int, tell: Tell) -> None:
    """An audit gets on whenever somebody looks."""
    if audit.status != PENDING:
        return
    audit.looks_left -= 1
    if audit.looks_left > 0:
        return
    audit.status, audit.audited_s = audit.becomes, account.now_s()
    if audit.status == REFILL:
        account.media[drama.media[0]].reason = "画面模糊"
    event = {"drama_id": drama.drama_id, "audit_detail": {**_detail(audit), "audit_type": kind}}
    tell({"MsgType": "event", "Event": "secvod_audit_event", "audit_event": event})


def submitreplacedramamedias(account: Account, body: Answer, tell: Tell) -> Answer:
    drama = _drama(account, body)
    if drama.audit.status != PASSED:
        raise No(10093014, "剧目未审核通过")
    if drama.replacement and drama.replacement.status == PENDING:
        raise No(10090007, "剧目正在审核中!")
    (pair,) = body["replace_media_list"]
    _of(account, pair["new"])
    takes, becomes = account.traits.audit_takes, account.traits.replacement_audit
    drama.stale_left = account.traits.stale_looks
    drama.replacement = Audit(PENDING, becomes, takes, account.now_s(), pair=(pair["old"], pair["new"]))
    account.replacements[pair["new"]] = drama.replacement
    return {}


def getdramalatestauditinfo(account: Account, body: Answer, tell: Tell) -> Answer:
    drama = _drama(account, body)
    if body["audit_type"] != 2:
        return {"audit_detail": _detail(drama.audit)}
    drama.stale_left -= 1
    if drama.replacement is None or drama.stale_left >= 0:
        return {"audit_detail": {"status": 0}}
    _look(account, drama, drama.replacement, 2, tell)
    return {"audit_detail": _detail(drama.replacement)}


def replacedramamedia(account: Account, body: Answer, tell: Tell) -> Answer:
    drama = _drama(account, body)
    pair, audit = (body["old_media_id"], body["new_media_id"]), account.replacements.get(body["new_media_id"])
    account.traits.replace_lags -= 1
    if account.traits.replace_lags >= 0 or audit is None or audit.status != PASSED or audit.pair != pair:
        raise No(10093014, "没有审核通过的替换")
    if audit.audited_s < account.now_s() - REPLACE_S:
        raise No(10093014, "替换已过期")
    _moved(account, drama, *pair)
    return {}


def _moved(account: Account, drama: Drama, old: int, new: int) -> None:
    if old not in drama.media:
        raise No(10093014, "原剧集不存在")
    _of(account, new).drama_id = drama.drama_id
    drama.media[drama.media.index(old)] = new


def getmedialink(account: Account, body: Answer, tell: Tell) -> Answer:
    one = _of(account, body["media_id"])
    drama = account.dramas.get(one.drama_id)
    if drama is None or drama.audit.status != PASSED or drama.down or one.media_id not in drama.media:
        raise No(10093030, "找不到对应资源")
    if not account.now_s() < body["t"] <= account.now_s() + LINK_S:
        raise No(10093014, "t")
    if account.packages and all(one["used"] >= one["all"] for one in account.packages):
        raise No(10090016, "流量资源包余额不足")
    account.links.append(one.media_id)
    drama.links_left -= 1
    ready = drama.links_left < 0
    where = f"https://vod.example/{one.media_id}.%s?t={body['t']:x}&us={account.number()}" if ready else ""
    links = {"hls_url": where and where % "m3u8", "mp4_url": where and where % "mp4"}
    return {"media_info": {"media_id": one.media_id, "duration": 60, "name": one.name, **links}}


def listpackages(account: Account, body: Answer, tell: Tell) -> Answer:
    valid = [one for one in account.packages if body["status"] in (0, one["status"])]
    offset, limit = body["offset"], min(100, body["limit"])
    return {"total_count": len(valid), "package_list": valid[offset : offset + limit]}


def getcdnusagedata(account: Account, body: Answer, tell: Tell) -> Answer:
    some = [one for one in account.used if body["start_time"] <= one["time"] < body["end_time"]]
    return {"data_interval": body["data_interval"], "item_list": some}


def _of(account: Account, media_id: int) -> Media:
    if media_id not in account.media:
        raise No(10093030, "资源不存在")
    return account.media[media_id]


def _drama(account: Account, body: Answer) -> Drama:
    if body["drama_id"] not in account.dramas:
        raise No(10093030, "资源不存在")
    return account.dramas[body["drama_id"]]


def _initialised(account: Account) -> None:
    if account.traits.initialising > 0:
        account.traits.initialising -= 1
        raise No(-2, " rid: 64997143-26cce0c2-201a7d4f")


CALLS: dict[str, Callable[[Account, Answer, Tell], Answer]] = {
    call.__name__: call
    for call in (
        pullupload, gettask, listmedia, getmedia, deletemedia, auditdrama, getdrama, listdramas,
        submitreplacedramamedias, getdramalatestauditinfo, replacedramamedia, getmedialink, listpackages,
        getcdnusagedata,
    )
}  # fmt: skip
