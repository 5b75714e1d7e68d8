/* status - how a running agent is, and what it found, in numbers. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/caller.h"
#include "base/units.h"

enum { LONGEST = 64 << 10 };

static void add_head(struct text *out, const char *word)
{
    screen_pad(out, word, 13);
}

static void add_agent(const json_t *answer, struct text *out)
{
    const json_t *agent = json_object_get(answer, "agent");
    const json_t *config = json_object_get(answer, "config");
    const char *pod = caller_word(agent, "pod"), *role = caller_word(agent, "role");
    char since[16];
    text_print(out,
               "%s   runbookd %s   config %s (loaded ",
               caller_word(answer, "realm"),
               caller_word(agent, "version"),
               caller_word(config, "digest"));
    caller_add_minute(out, config, "loaded");
    text_print(out,
               ", %lld target%s, %lld check%s)\n",
               (long long)caller_number(config, "targets"),
               units_s(caller_number(config, "targets")),
               (long long)caller_number(config, "checks"),
               units_s(caller_number(config, "checks")));
    if (caller_number(config, "errors")) {
        add_head(out, "config");
        text_print(out,
                   "the present one has %lld error%s: %s; runbookd reload says which\n",
                   (long long)caller_number(config, "errors"),
                   units_s(caller_number(config, "errors")),
                   json_is_true(json_object_get(config, "without")) ? "nothing is watched"
                                                                    : "an earlier one is in force");
    }
    add_head(out, "this agent");
    text_print(out,
               "%s   %s%s   pid %lld, up for %s\n",
               *pod ? pod : caller_word(agent, "node"),
               *role ? "role " : "all roles",
               role,
               (long long)caller_number(agent, "pid"),
               caller_since(answer, agent, "started", since));
}

static void add_findings(const json_t *answer, const struct screen *screen, struct text *out)
{
    static const char *const words[] = {"critical", "warning", "unknown", "ok", NULL};
    const json_t *findings = json_object_get(answer, "findings");
    const json_t *checks = json_object_get(answer, "checks");
    int64_t pending = caller_number(findings, "pending");
    add_head(out, "findings");
    for (const char *const *word = words; *word; word++) {
        int64_t count = caller_number(findings, *word);
        if (count)
            screen_paint(screen, out, caller_status(*word));
        text_print(out, "%lld %s", (long long)count, *word);
        if (count)
            screen_plain(screen, out);
        text_add(out, "  ");
    }
    if (pending)
        text_print(out, "%lld pending  ", (long long)pending);
    text_print(out,
               "    checks late %lld   waiting %lld\n",
               (long long)caller_number(checks, "late"),
               (long long)caller_number(checks, "waiting"));
}

static void add_plans(const json_t *answer, struct text *out)
{
    size_t index;
    json_t *plan;
    char left[UNITS_DURATION_LEN];
    json_array_foreach(json_object_get(answer, "plans"), index, plan) {
        int64_t ms = caller_time(plan, "expires") - caller_time(answer, "time");
        units_print_duration(ms > 0 ? ms : 0, left);
        add_head(out, index ? "" : "plans");
        text_print(out, "%s  ", caller_word(plan, "plan"));
        (void)screen_add(out, caller_word(plan, "remediation"), 0);
        text_print(out, "  waits, expires in %s\n", left);
    }
}

/* "until 16:04:11 UTC unless renewed" */
static void add_until(const json_t *answer, struct text *out)
{
    const char *until = caller_word(answer, "lease_until");
    if (*until)
        text_print(out, " until %.8s UTC unless renewed", until + 11);
}

/* Where the holder is, and that what follows is its answer; or why there is none. */
static void add_holder(const json_t *answer, struct text *out)
{
    const json_t *holder = json_object_get(answer, "holder");
    const json_t *agent = json_object_get(holder, "agent");
    const char *silent = caller_word(answer, "holder_silent");
    add_head(out, "");
    if (*silent) {
        (void)screen_add(out, silent, 0);
        text_add(out, "; what follows is this agent's own\n");
        return;
    }
    const char *pod = caller_word(agent, "pod"), *socket = caller_word(agent, "socket");
    text_print(out,
               "it is on %s, pid %lld%s%s; what follows is its answer\n",
               *pod ? pod : caller_word(agent, "node"),
               (long long)caller_number(agent, "pid"),
               *socket ? ", socket " : "",
               socket);
}

static void add_lease(const json_t *answer, struct text *out)
{
    const char *lease = caller_word(answer, "lease"), *name = caller_word(answer, "lease_holder");
    const json_t *holder = json_object_get(answer, "holder");
    if (!*lease)
        return;
    add_head(out, "lease");
    if (strcmp(lease, "held") == 0) {
        text_print(out, "held, token %lld,", (long long)caller_number(answer, "lease_token"));
        add_until(answer, out);
        text_add_char(out, '\n');
    } else if (*name) {
        text_print(out, "standby: %s holds it", name);
        add_until(holder ? holder : answer, out);
        text_add_char(out, '\n');
        add_holder(answer, out);
    } else {
        text_add(out, "not known who holds it: what is of cluster scope is not asked here\n");
    }
}

static void add_lock(const json_t *lock, struct text *out)
{
    struct text TEXT_AUTO line;
    const char *since = caller_word(lock, "since"), *reason = caller_word(lock, "reason");
    text_init(&line, 4096);
    text_print(&line,
               "%s is locked: its evidence is kept, by %s since %.10s %.5s UTC%s%s",
               caller_word(lock, "target"),
               caller_word(lock, "who"),
               since,
               *since ? since + 11 : "",
               *reason ? ": " : "",
               reason);
    add_head(out, "");
    (void)screen_add(out, line.bytes, 0);
    text_add_char(out, '\n');
}

/* ", 3 of Alertmanager's", and what is wrong with these. */
static void add_shared(const json_t *answer, struct text *out)
{
    const json_t *shared = json_object_get(answer, "alertmanager");
    const char *error = caller_word(shared, "error");
    long long unread = (long long)caller_number(shared, "unread");
    if (shared)
        text_print(
            out, " and %lld of Alertmanager's", (long long)caller_number(shared, "silences"));
    if (unread)
        text_print(out, " (%lld cannot be read here)", unread);
    text_add_char(out, '\n');
    if (!*error)
        return;
    add_head(out, "");
    text_add(out, "Alertmanager is not reached: ");
    (void)screen_add(out, error, 0);
    text_add_char(out, '\n');
}

static void add_guard(const json_t *answer, struct text *out)
{
    const json_t *freeze = json_object_get(answer, "freeze");
    bool frozen = json_is_true(json_object_get(freeze, "frozen"));
    add_head(out, "guard");
    const char *ceiling = caller_word(answer, "ceiling");
    text_print(out,
               "%s%s%sfreeze %s   silences %lld",
               *ceiling ? "ceiling " : "",
               ceiling,
               *ceiling ? "   " : "",
               frozen ? "YES" : "no",
               (long long)caller_number(answer, "silences"));
    add_shared(answer, out);
    if (frozen) {
        add_head(out, "");
        (void)screen_add(out, caller_word(freeze, "why"), 0);
        text_add_char(out, '\n');
    }
    size_t index;
    json_t *lock;
    json_array_foreach(json_object_get(answer, "locks"), index, lock)
        add_lock(lock, out);
    const json_t *next = json_object_get(freeze, "next");
    const char *begins = caller_word(next, "begins");
    if (!*begins)
        return;
    add_head(out, "");
    text_print(out, "next freeze %.10s %.5s UTC, window ", begins, begins + 11);
    (void)screen_add(out, caller_word(next, "window"), 0);
    text_add_char(out, '\n');
}

static void add_state(const json_t *answer, struct text *out)
{
    const char *state = caller_word(answer, "state"), *folder = caller_word(answer, "state_folder");
    const json_t *connectivity = json_object_get(answer, "connectivity");
    add_head(out, "state");
    text_print(out, "%s%s%s\n", state, *folder ? " in " : "", folder);
    if (!connectivity)
        return;
    add_head(out, "connectivity");
    text_print(out,
               "%lld of %lld references reached%s\n",
               (long long)caller_number(connectivity, "reached"),
               (long long)caller_number(connectivity, "of"),
               json_is_true(json_object_get(answer, "isolated"))
                   ? ": the agent is isolated, and says nothing of what is on the network"
                   : "");
}

/* What receivers have refused, where there is any. */
static void add_quarantine(const json_t *answer, struct text *out)
{
    long long count = (long long)caller_number(answer, "quarantined");
    if (!count)
        return;
    add_head(out, "quarantine");
    text_print(out, "%lld events that receivers have refused: runbookd spool\n", count);
}

static int code_of(enum probe_status worst)
{
    return worst == PROBE_OK         ? EXIT_FINE
           : worst == PROBE_WARNING  ? EXIT_WARNING
           : worst == PROBE_CRITICAL ? EXIT_CRITICAL
                                     : EXIT_UNKNOWN;
}

/* Of a standby and the holder; a standby alone has found nothing yet where all is of cluster scope. */
static int worst_code(const json_t *answer)
{
    static const char *const words[] = {"ok", "warning", "critical", "unknown", NULL};
    const json_t *holder = json_object_get(answer, "holder");
    int own = code_of(caller_status(caller_word(answer, "worst")));
    int64_t count = 0;
    if (!holder)
        return own;
    for (const char *const *word = words; *word; word++)
        count += caller_number(json_object_get(answer, "findings"), *word);
    int theirs = code_of(caller_status(caller_word(holder, "worst")));
    if (!count)
        return theirs;
    if (own == EXIT_CRITICAL || theirs == EXIT_CRITICAL)
        return EXIT_CRITICAL;
    if (own == EXIT_WARNING || theirs == EXIT_WARNING)
        return EXIT_WARNING;
    return own > theirs ? own : theirs;
}

int cmd_status(const struct options *options)
{
    const struct screen screen = screen_of(STDOUT_FILENO);
    struct text TEXT_AUTO out;
    json_t *answer = caller_ask(options, "status", NULL, CALLER_MS);
    text_init(&out, LONGEST);
    if (!answer)
        return EXIT_UNKNOWN;
    if (!caller_print_json(options, answer)) {
        const json_t *holder = json_object_get(answer, "holder");
        const json_t *asked = holder ? holder : answer;
        add_agent(answer, &out);
        add_lease(answer, &out);
        add_findings(asked, &screen, &out);
        add_plans(asked, &out);
        add_guard(asked, &out);
        add_state(answer, &out);
        add_quarantine(answer, &out);
        caller_print(&out);
    }
    int code = worst_code(answer);
    json_decref(answer);
    return code;
}
