"""Windows whose calendar says when they are: a real agent, a real file that comes, changes and goes, and remediations that it holds back."""
import datetime
import os

from agent import runbookd
from test_control_plans import lengths, remedy
from test_guard import begin


def calendar(*events):
    """Written as who publishes one would: beside it, then renamed."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//festivals//onsale//EN"]
    for n, lines_of_one in enumerate(events):
        lines += ["BEGIN:VEVENT", f"UID:{n}@festivals", f"SUMMARY:on-sale {n}", *lines_of_one, "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


def publish(path, text):
    beside = path.with_suffix(".new")
    beside.write_text(text)
    os.replace(beside, path)


def at(hours):
    """In UTC, so many hours from now."""
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)


def event(first, last, *more):
    return [f"DTSTART:{at(first):%Y%m%dT%H%M%SZ}", f"DTEND:{at(last):%Y%m%dT%H%M%SZ}", *more]


def windows(path, more=""):
    return f", freeze: {{windows: [{{name: onsale, calendar: {path}, reason: ticket on-sale{more}}}]}}"


def said(running, step, text, after=0):
    known = {id(e) for e in running.events[:after]}
    return running.wait_for(lambda e: id(e) not in known and e["kind"] == "agent" and e["step"] == step and text in e["message"], 60)


def test_a_calendar_that_cannot_be_read_freezes_until_it_can(agent, redis, tmp_path):
    path = tmp_path / "onsale.ics"
    asker = begin(agent, redis, tmp_path, {"guard": windows(path)})
    refused = remedy(asker.running, "refused")
    assert refused["reason"] == "freeze" and "of which it is not known when it is" in refused["message"], refused
    said(asker.running, "frozen", f"{path} cannot be read: No such file or directory")
    said(asker.running, "calendar_unread", "window onsale")
    publish(path, calendar(event(-5, -4), event(6, 8)))
    said(asker.running, "thawed", "")
    status = asker.json("status", code=None)["freeze"]
    assert not status["frozen"] and status["next"]["window"] == "onsale" and status["next"]["begins"].startswith(f"{at(6):%Y-%m-%d}"), status
    asker("remediate", "set-aside")
    remedy(asker.running, "applied")
    assert lengths(redis) == ("0", "9")
    before = len(asker.running.events)
    publish(path, calendar(event(-5, -4)).replace("DTEND:", "DTEND:x"))  # line 8
    assert f"{path}:8: DTEND is no time" in said(asker.running, "frozen", "", before)["message"]


def test_an_event_that_recurs_freezes_now_and_says_until_when(agent, redis, tmp_path):
    """It began a year ago, in a zone of its own, and comes every day; 15 minutes before and an hour after count as well."""
    path = tmp_path / "onsale.ics"
    zone = "TZID=Pacific/Kiritimati"  # 14 hours ahead, all the year
    begun = at(14 - 24 * 400)
    publish(path, calendar([f"DTSTART;{zone}:{begun:%Y%m%dT%H%M}00", "DURATION:PT1M", "RRULE:FREQ=DAILY"]))
    asker = begin(agent, redis, tmp_path, {"guard": windows(path, ", before: 15m, after: 1h")})
    refused = remedy(asker.running, "refused")
    assert refused["reason"] == "freeze"
    frozen = said(asker.running, "frozen", "frozen by window onsale until ")
    ends = datetime.datetime.strptime(frozen["message"].split(" until ")[1][:16], "%Y-%m-%d %H:%M").replace(tzinfo=datetime.timezone.utc)
    assert datetime.timedelta(minutes=30) < ends - at(0) <= datetime.timedelta(minutes=61), frozen
    assert lengths(redis) == ("9", "0")


def test_a_silence_holds_by_its_calendar_and_not_without_one(agent, redis, tmp_path):
    path, missing = tmp_path / "upkeep.ics", tmp_path / "missing.ics"
    quiet = f"""
silences:
  windows:
    - {{name: gone, calendar: {missing}, match: {{target: cache}}}}
    - {{name: upkeep, calendar: {path}, match: {{target: nobody}}}}
"""
    publish(path, calendar(event(-1, 1)))
    asker = begin(agent, redis, tmp_path, {"more": quiet})
    said(asker.running, "calendar_unread", f"{missing} cannot be read")
    assert asker.running.wait_status("cache", "mails", "critical", subject="q")["silenced_by"] is None
    remedy(asker.running, "applied")
    listed = asker("silence", "list").out
    assert "window upkeep  until " in listed and "gone" not in listed, listed


def test_by_hand_the_calendar_counts_as_well(redis, tmp_path):
    path, file = tmp_path / "onsale.ics", tmp_path / "runbookd.yaml"
    file.write_text(f"version: 1\nguard: {{freeze: {{windows: [{{name: onsale, calendar: {path}, reason: tickets}}]}}}}\n"
                    f"targets: {{cache: {{type: redis, url: 'redis://127.0.0.1:{redis.port}', act_as: {{}}}}}}\n")

    def run():
        return runbookd("script", "run", "redis/unlink_pattern", "-c", file, "--target", "cache=cache", "--with", "pattern=cache:*", "--apply", "--yes")

    redis.do("set", "cache:1", "x", "EX", "3600")
    assert "it is not known when it is: " in run().err and redis.do("exists", "cache:1") == "1"
    publish(path, calendar(event(-1, 1)))
    assert "frozen by the window onsale: tickets" in run().err and redis.do("exists", "cache:1") == "1"
    publish(path, calendar(event(1, 2)))
    done = run()
    assert redis.do("exists", "cache:1") == "0", f"{done.out}{done.err}"


def test_what_is_wrong_with_such_a_window_is_told(tmp_path):
    file = tmp_path / "runbookd.yaml"
    for window, says in [("calendar: onsale.ics", "is not an absolute path"), ("calendar: /x.ics, from: \"2026-12-20\"", "says twice when it is"),
                         ("hours: \"07:00-08:00\", before: 1h", "belongs to calendar")]:
        file.write_text(f"version: 1\ntargets: {{}}\nguard: {{freeze: {{windows: [{{name: x, {window}}}]}}}}\n")
        result = runbookd("validate", "-c", file)
        assert result.code == 1 and says in result.out + result.err, result.out + result.err
