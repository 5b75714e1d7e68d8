/* entry: what is accepted of "remediations:", "guard:" and "approval:", and what is told of what is not. */
#include "remediation_fixture.h"

/* What is said of a configuration, one line each. */
static const char *told_of(const char *yaml)
{
    static char said_of[1 << 14];
    struct text TEXT_AUTO text;
    text_init(&text, sizeof(said_of) - 1);
    problems_finish(&stage.problems);
    stage.problems = (struct problems){0};
    config_destroy(stage.config);
    entries_release(world.entries);
    world.entries = NULL;
    stage.config = parse(yaml);
    if (stage.config) {
        MEM_AUTO char *folder = mem_print("%s/scripts", world.folder);
        world.entries = entries_read(stage.config, &stage.plugins, folder, false, &stage.problems);
    }
    problems_print(&stage.problems, &text);
    assert_true(!world.entries == (stage.problems.errors > 0));
    (void)snprintf(said_of, sizeof(said_of), "%s", text.bytes);
    return said_of;
}

#define TARGETS                                                                                    \
    "targets: {db: {url: \"told://127.0.0.1\", act_as: {}}, two: {url: \"told://127.0.0.1\"}}\n"
#define ENTRY(words)                                                                               \
    TARGETS "remediations: {fix: {script: t/fix, targets: {db: db}, allow: [\"db:stop\"]" words    \
            "}}\n"

static void is_told(const char *yaml, const char *expected)
{
    const char *said = told_of(yaml);
    if (!strstr(said, expected))
        print_message("expected: %s\nsaid: %s\n", expected, said);
    assert_non_null(strstr(said, expected));
}

static void without_any_nothing_is_read(void **state)
{
    (void)state;
    assert_string_equal(told_of(TARGETS), "");
    assert_int_equal(world.entries->count, 0);
    assert_null(world.entries->shelf);
    assert_int_equal(world.entries->ceiling.mode, GUARD_DRY_RUN);
}

static void everything_is_read(void **state)
{
    (void)state;
    assert_string_equal(
        told_of(
            "guard: {mode: approve, freeze: {file: /etc/runbookd/freeze}, per_day: 20, "
            "effects: {db: disruptive}}\n"
            "approval: {approvers: /etc/runbookd/approvers, expires: 20m, remind: 2m, "
            "local: true, classes: {destructive: {approvals: 2}}}\n" ENTRY(
                ", trigger: {check: [db/look, \"t*/other\"], status: [warning, critical], held: 2m}"
                ", with: {most: 7}, mode: auto, undo_after: 2h, on_failure: undo, approvals: 2"
                ", guard: {cooldown: 15m, attempts: 2/6h, max_affected: 20, max_percent: 40,"
                " refuse_if: [{check: two/look, condition: \"status ~= 'ok'\"}]}"
                ", verify: {check: db/look, condition: \"used < 80\", within: 30s, stable: 3m,"
                " improves: {check: db/other, measure: used, by: 10 %, within: 5m}}")),
        "");
    const struct entries *entries = world.entries;
    const struct entry *entry = entries_find(entries, "fix");
    assert_string_equal(entries->ceiling.freeze_file, "/etc/runbookd/freeze");
    assert_int_equal(entries->ceiling.per_day, 20);
    assert_int_equal(entries_effect_most(entries, "db"), PROBE_DISRUPTIVE);
    assert_int_equal(entries_effect_most(entries, "two"), PROBE_DESTRUCTIVE);
    assert_int_equal(entries->approval.expires_ms, 20 * MINUTE);
    assert_int_equal(entries->approval.needed[PROBE_DESTRUCTIVE], 2);
    assert_int_equal(entries->approval.needed[PROBE_DISRUPTIVE], 1);
    assert_true(entries->approval.local);
    assert_int_equal(entry->mode, GUARD_APPROVE); /* never above the ceiling */
    assert_int_equal(entry->trigger.count, 2);
    assert_int_equal(entry->trigger.statuses, (1u << PROBE_WARNING) | (1u << PROBE_CRITICAL));
    assert_int_equal(entry->trigger.held_ms, 2 * MINUTE);
    assert_int_equal(entry->limits.cooldown_ms, 15 * MINUTE);
    assert_int_equal(entry->limits.attempts, 2);
    assert_int_equal(entry->limits.attempts_within_ms, 6 * HOUR);
    assert_int_equal(entry->refuse_count, 1);
    assert_string_equal(entry->verify.question.text, "db/look: used < 80");
    assert_true(entry->verify.improves.percent == 10);
    assert_int_equal(entry->undo_after_ms, 2 * HOUR);
    assert_true(entry->undo_on_failure);
    assert_int_equal(entry->approvals, 2);
    assert_int_equal(json_integer_value(json_object_get(entry->values, "most")), 7);
    assert_string_equal(json_string_value(json_object_get(entry->values, "verb")), "db:stop");
}

static void what_is_not_in_force_yet_is_said(void **state)
{
    (void)state;
    is_told("guard: {freeze: {windows: [{name: x, calendar: \"https://h/x.ics\"}]}}\n" TARGETS,
            "guard.freeze.windows.calendar: is not an absolute path");
    is_told("guard: {freeze: {windows: [{name: x, calendar: /x.ics, hours: "
            "\"07:00-08:00\"}]}}\n" TARGETS,
            "says twice when it is");
    is_told("guard: {freeze: {windows: [{name: x, hours: \"07:00-08:00\", after: 1h}]}}\n" TARGETS,
            "guard.freeze.windows.after: belongs to calendar");
}

static void what_is_locked_is_a_target(void **state)
{
    (void)state;
    assert_string_equal(told_of(ENTRY(", lock: [db, two]")), "");
    assert_string_equal(entries_find(world.entries, "fix")->lock[1], "two");
    is_told(ENTRY(", lock: [tow]"),
            "remediations.fix.lock: there is no target \"tow\"; did you mean two?");
}

#define WINDOW(words) "guard: {freeze: {windows: [{" words "}]}}\n" TARGETS
#define QUIET(words) "silences: {windows: [{name: x, hours: \"01:00-02:00\"" words "}]}\n" TARGETS

static void windows_are_read(void **state)
{
    (void)state;
    assert_string_equal(
        told_of("guard: {freeze: {windows: [{name: a, cron: \"45 9 * * FRI\", for: 90m, tz: "
                "Europe/London, reason: on-sale}, {name: b, hours: \"22:00-06:00\", days: "
                "[FRI, SAT]}, {name: c, from: \"2026-12-20\", until: \"2027-01-02 08:00\"}]}}\n"
                "silences: {windows: [{name: d, days: SUN, match: {target: db, labels: {team: "
                "dba}}, except: {check: [cert.*, told.look]}, remediate: true}]}\n" TARGETS),
        "");
    const struct windows *windows = &world.entries->ceiling.windows;
    assert_int_equal(windows->count, 3);
    assert_int_equal(windows->all[0].when.kind, WINDOW_CRON);
    assert_int_equal(windows->all[0].when.for_ms, 90 * MINUTE);
    assert_non_null(windows->all[0].when.hours.zone);
    assert_string_equal(windows->all[0].reason, "on-sale");
    assert_int_equal(windows->all[1].when.hours.days, 1u << 4 | 1u << 5);
    assert_int_equal(windows->all[2].when.kind, WINDOW_DATES);
    const struct named_window *silence = world.entries->silences.all;
    assert_string_equal(silence->match.targets[0], "db");
    assert_string_equal(silence->match.labels[1], "dba");
    assert_string_equal(silence->except.checks[1], "told.look");
    assert_true(silence->remediate);
}

static void what_is_no_window_is_refused(void **state)
{
    (void)state;
    is_told("guard: {freeze: {windows: nights}}\n" TARGETS,
            "guard.freeze.windows: is text, not a list; write a dash before each window");
    is_told("guard: {freeze: {windows: [nights]}}\n" TARGETS, "is text, not a map");
    is_told(WINDOW("hours: \"01:00-02:00\""), "guard.freeze.windows.name: is missing");
    is_told(WINDOW("name: s4, hours: \"01:00-02:00\""), "is what a silence is called");
    is_told(WINDOW("name: x"), "says not when it is; write hours and days, or cron and for");
    is_told(WINDOW("name: x, days: SUN, cron: \"0 2 * * *\", for: 1h"), "says twice when it is");
    is_told(
        WINDOW("name: x, cron: \"0 25 * * *\", for: 1h"),
        "guard.freeze.windows.cron: \"0 25 * * *\" is no time: its hour is none; write minute,");
    is_told(WINDOW("name: x, cron: \"0 2 * * *\""),
            "says when it begins, and nothing when it ends; write for: 90m beside it");
    is_told(WINDOW("name: x, cron: \"0 2 * * *\", for: 8d"), "guard.freeze.windows.for");
    is_told(WINDOW("name: x, hours: \"1-2\""), "\"1-2\" is no span of hours");
    is_told(WINDOW("name: x, days: SUN, for: 1h"), "belongs to cron");
    is_told(WINDOW("name: x, days: SUN, tz: Europe/Londn"), "there is no time zone");
    is_told(WINDOW("name: x, from: \"2026-12-20\""), "guard.freeze.windows.until: is missing");
    is_told(WINDOW("name: x, from: \"2026-12-20\", until: \"2026-12-19\""), "is not after from");
    is_told(WINDOW("name: x, days: SUN, match: {target: db}"), "guard.freeze.windows.match");
    is_told(WINDOW("name: x, days: SUN}, {name: x, days: SAT"), "there are two windows called");
    is_told(QUIET(""), "silences.windows.match: is missing: what is to be silent");
    is_told(QUIET(", match: db"), "silences.windows.match: is text, not a map");
    is_told(QUIET(", match: {targets: db}"), "silences.windows.match.targets");
    is_told("silences: {window: []}\n" TARGETS, "silences.window");
}

static void the_sink_that_is_required_keeps_the_audit(void **state)
{
    (void)state;
#define REQUIRE(sink)                                                                              \
    "agent: {state: /tmp/x}\nsinks: {loki: {" sink "}}\n"                                          \
    "guard: {audit: {require_sink: loki, wait: 2s}}\n" TARGETS
    assert_string_equal(told_of(REQUIRE("type: http, url: \"http://h:1\"")), "");
    assert_string_equal(world.entries->ceiling.require_sink, "loki");
    assert_int_equal(world.entries->ceiling.sink_wait_ms, 2 * SECOND);
    is_told("guard: {audit: {require_sink: loki}}\n" TARGETS,
            "guard.audit.require_sink: there is no sink \"loki\" at work");
    is_told(REQUIRE("type: slack, url: \"${env:HOME}\""),
            "loki is of type slack, which keeps no audit; name one that acknowledges");
    is_told(REQUIRE("type: http, url: \"http://h:1\", only: {kind: [finding]}"),
            "loki does not get the audit's lines; its only: must let kind audit");
    is_told(REQUIRE("type: http, url: \"http://h:1\", only: {level: warn}"),
            "loki does not get the audit's lines");
    is_told(REQUIRE("type: http, url: \"http://h:1\", only: {labels: {a: b}}"),
            "loki does not get the audit's lines");
    assert_string_equal(
        told_of(REQUIRE("type: http, url: \"http://h:1\", only: {kind: [audit, agent]}")), "");
}

static void who_is_told_is_a_sink(void **state)
{
    (void)state;
    const char *const sinks =
        "sinks: {ops: {type: http, url: \"http://h:1\"}, night: \"off\", stdout: {}}\n"
        "agent: {state: /tmp/x}\n" TARGETS;
    MEM_AUTO char *fine = mem_print("approval: {notify: [ops]}\n%s", sinks);
    MEM_AUTO char *off = mem_print("approval: {notify: [night]}\n%s", sinks);
    MEM_AUTO char *none = mem_print("approval: {notify: [opps]}\n%s", sinks);
    MEM_AUTO char *console = mem_print("approval: {notify: [stdout]}\n%s", sinks);
    assert_string_equal(told_of(fine), "");
    assert_string_equal(world.entries->approval.notify[0], "ops");
    is_told(off, "warning: approval.notify: the sink night is not at work: nobody is told there");
    is_told(none, "approval.notify: there is no sink \"opps\"; did you mean ops?");
    is_told(console, "approval.notify: there is no sink \"stdout\"");
    assert_string_equal(told_of("approval: {notify: []}\n" TARGETS), "");
}

static void what_is_not_written_is_careful(void **state)
{
    (void)state;
    assert_string_equal(told_of(ENTRY("")), "");
    const struct entry *entry = entries_find(world.entries, "fix");
    assert_int_equal(entry->mode, GUARD_DRY_RUN);
    assert_int_equal(entry->limits.cooldown_ms, 10 * MINUTE);
    assert_int_equal(entry->limits.attempts, 3);
    assert_int_equal(entry->trigger.count, 0);
    assert_null(entry->verify.question.condition);
}

static void a_digest_changes_with_the_entry_and_its_target(void **state)
{
    char first[17];
    (void)state;
    (void)told_of(ENTRY(""));
    memcpy(first, world.entries->all[0].digest, sizeof(first));
    (void)told_of("# a comment\n" ENTRY(""));
    assert_string_equal(world.entries->all[0].digest, first);
    (void)told_of(ENTRY(", with: {most: 4}"));
    assert_string_not_equal(world.entries->all[0].digest, first);
    (void)told_of(
        "targets: {db: {url: \"told://127.0.0.2\", act_as: {}}}\n"
        "remediations: {fix: {script: t/fix, targets: {db: db}, allow: [\"db:stop\"]}}\n");
    assert_string_not_equal(world.entries->all[0].digest, first);
}

static void misspelt_keys_have_a_nearest_one(void **state)
{
    (void)state;
    is_told(ENTRY(", triger: manual"),
            "a.yaml:2:76: remediations.fix.triger: is not known here; did you mean trigger?");
    is_told(ENTRY(", guard: {cooldwn: 1m}"),
            "guard.cooldwn: is not known here; did you mean cooldown?");
    is_told(ENTRY(", verify: {chek: db/look}"),
            "verify.chek: is not known here; did you mean check?");
    is_told("guard: {mod: auto}\n" TARGETS, "guard.mod: is not known here; did you mean mode?");
    is_told("approval: {expire: 1m}\n" TARGETS,
            "approval.expire: is not known here; did you mean expires?");
    is_told(ENTRY(", with: {mots: 1}"),
            "remediations.fix.with.mots: is not known here; did you mean most?");
    is_told(ENTRY(", mode: aut"),
            "remediations.fix.mode: is \"aut\", which is none of off, dry-run, approve, auto");
}

static void names_that_are_not_there_have_a_nearest_one(void **state)
{
    (void)state;
    is_told(TARGETS "remediations: {fix: {script: t/fixx, targets: {db: db}}}\n",
            "remediations.fix.script: there is no script \"t/fixx\"; did you mean t/fix?");
    is_told(TARGETS "remediations: {fix: {script: t/fix, targets: {db: dbb}}}\n",
            "remediations.fix.targets.db: there is no target \"dbb\"; did you mean db?");
    is_told(TARGETS "remediations: {fix: {script: t/fix, targets: {dd: db}}}\n",
            "remediations.fix.targets.dd: is no role of t/fix; did you mean db?");
    is_told(TARGETS
            "remediations: {fix: {script: t/fix, targets: {db: db}, allow: [\"db:stopp\"]}}\n",
            "remediations.fix.allow: t/fix does not need \"db:stopp\"; did you mean db:stop?");
    is_told(TARGETS
            "remediations: {fix: {script: t/fix, targets: {db: db}, allow: [\"db:drop/it\"]}}\n",
            "remediations.fix.allow: db:drop takes nothing behind a slash");
    is_told(ENTRY(", trigger: {check: db/lok}"),
            "remediations.fix.trigger.check: there is no check \"db/lok\"; did you mean db/look?");
    is_told(ENTRY(", verify: {check: db/look, condition: \"usd < 1\"}"),
            "remediations.fix.verify.condition:");
    is_told("guard: {effects: {dbb: reversible}}\n" TARGETS,
            "guard.effects.dbb: there is no target \"dbb\"; did you mean db?");
}

static void what_makes_no_sense_is_told(void **state)
{
    (void)state;
    is_told(ENTRY(", trigger: {check: db/look, status: unknown}"),
            "trigger.status: starts nothing; write warning, critical or both; unknown never starts "
            "a remediation");
    is_told(ENTRY(", trigger: sometimes"), "remediations.fix.trigger: is no trigger");
    is_told(ENTRY(", guard: {attempts: 3}"),
            "guard.attempts: is no number of attempts within a time; write it like 3/1h");
    is_told(ENTRY(", guard: {attempts: 0/1h}"), "guard.attempts: is no number of attempts");
    is_told(ENTRY(", guard: {max_percent: 140}"), "guard.max_percent:");
    is_told(ENTRY(", verify: {check: db/look}"), "verify.condition: is missing");
    is_told(ENTRY(", verify: {check: \"*/look\", condition: \"used < 1\"}"),
            "verify.check: names several checks");
    is_told(ENTRY(", verify: {check: db/look, condition: \"used < 1\", improves: {check: db/look, "
                  "measure: usd, by: 10 %}}"),
            "improves.measure: is no measure of told.look; did you mean used?");
    is_told(ENTRY(", verify: {check: db/look, condition: \"used < 1\", improves: {check: db/look, "
                  "measure: used, by: much}}"),
            "improves.by: is no share");
    is_told(ENTRY(", guard: {refuse_if: {check: db/look}}"), "guard.refuse_if: is no list");
    is_told(TARGETS "remediations: {fix: {script: t/fix}}\n",
            "remediations.fix.targets: does not say which target is \"db\"; write targets: {db: "
            "NAME}, of type told");
    is_told(TARGETS "remediations: {fix: {targets: {db: db}}}\n",
            "remediations.fix.script: is missing");
    is_told(TARGETS "remediations: [fix]\n", "remediations: is a list, not a map");
    is_told("guard: {freeze: {file: freeze}}\n" TARGETS,
            "guard.freeze.file: is not an absolute path");
    is_told("approval: {classes: {deadly: {approvals: 2}}}\n" TARGETS,
            "approval.classes.deadly: is no effect");
}

static void what_can_never_be_done_is_a_warning(void **state)
{
    (void)state;
    is_told(TARGETS "remediations: {fix: {script: t/fix, targets: {db: db}}}\n",
            "warning: remediations.fix.allow: is not there: nothing is granted, so every plan is "
            "refused");
    is_told(TARGETS
            "remediations: {fix: {script: t/fix, targets: {db: two}, allow: [\"db:stop\"]}}\n",
            "warning: remediations.fix.allow: two has no act_as");
}

static void a_broken_script_that_nobody_wants_is_a_warning(void **state)
{
    (void)state;
    write_file("scripts/t/broken.lua", "return {");
    is_told(ENTRY(""), "warning: ");
    assert_non_null(world.entries);
    is_told(TARGETS "remediations: {fix: {script: t/broken, targets: {db: db}}}\n",
            "there is no script \"t/broken\"");
}

static void what_belongs_to_another_role_is_left_to_it(void **state)
{
    (void)state;
    assert_string_equal(told_of("agent: {role: node}\n" ENTRY("")), "");
    assert_int_equal(world.entries->count, 0);
}

static void all_is_told_at_once(void **state)
{
    (void)state;
    const char *said = told_of("guard: {mod: auto}\n" TARGETS
                               "remediations: {fix: {script: t/fixx, targets: {db: db}, mode: x}, "
                               "other: {script: t/fix, targets: {db: dbb}}}\n");
    assert_int_equal(count_of(said, "\n"), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(without_any_nothing_is_read),
        CASE(everything_is_read),
        CASE(what_is_not_in_force_yet_is_said),
        CASE(what_is_locked_is_a_target),
        CASE(windows_are_read),
        CASE(what_is_no_window_is_refused),
        CASE(the_sink_that_is_required_keeps_the_audit),
        CASE(who_is_told_is_a_sink),
        CASE(what_is_not_written_is_careful),
        CASE(a_digest_changes_with_the_entry_and_its_target),
        CASE(misspelt_keys_have_a_nearest_one),
        CASE(names_that_are_not_there_have_a_nearest_one),
        CASE(what_makes_no_sense_is_told),
        CASE(what_can_never_be_done_is_a_warning),
        CASE(a_broken_script_that_nobody_wants_is_a_warning),
        CASE(what_belongs_to_another_role_is_left_to_it),
        CASE(all_is_told_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
