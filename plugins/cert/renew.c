/*
 * renew - has the operator's own program renew certificates, as the target declares it.
 *
 * Of the plugin nothing but the order of things: a plan runs the rehearsal, where one is declared (certbot's --dry-run
 * asks the authority's staging side), and shows the command; applied, the command runs once.  Whether that has helped
 * is for a check to say.  What a program prints may hold what nobody should read: only its last line goes out.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cert.h"

enum { SHOWN = 300, COMMAND_ROOM = 500 };

static const struct cert_renewal *renewal_of(const struct probe_run *run)
{
    const struct cert_config *target = run->target->config;
    return target->renewal;
}

static void say_command(const char *const *argv, char out[COMMAND_ROOM])
{
    size_t len = 0;
    *out = '\0';
    for (; *argv && len + 1 < COMMAND_ROOM; argv++) {
        (void)snprintf(out + len, COMMAND_ROOM - len, "%s%s", len ? " " : "", *argv);
        len = strlen(out);
    }
}

/* The last line that is not empty, of its errors or else of its output. */
static void last_line(const struct probe_exit *end, char out[SHOWN])
{
    const char *text = end->errors_len ? end->errors : end->output;
    size_t len = end->errors_len ? end->errors_len : end->output_len;
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' ' || text[len - 1] == '\r'))
        len--;
    size_t at = len;
    while (at > 0 && text[at - 1] != '\n' && len - at < SHOWN - 1)
        at--;
    (void)snprintf(out, SHOWN, "%.*s", (int)(len - at), text + at);
}

/* Why it was not started, and what to do about it. */
static void end_unstarted(struct probe_run *run, const char *program, int status)
{
    static const struct {
        int status;
        const char *why, *hint;
    } known[] = {
        {EACCES,
         "is not allowed, or no file that can be executed",
         "name it below exec.allow of the configuration, with its SHA-256"},
        {EKEYREJECTED,
         "is another file than the one that exec.allow names",
         "find out who has changed it; after an update write its new SHA-256 there (sha256sum)"},
        {EPERM,
         "is refused: others than root and the agent's user may write it, or `user` cannot be "
         "become",
         "chmod go-w it, or give it to root"},
        {ENOENT,
         "is not there, or `user` or its directory is not",
         "install it, or correct renewal"},
        {ENOEXEC, "is no program", "a script needs #! and its interpreter in its first line"},
        {ENOSYS, "cannot be started: this agent has no process that starts others", "see its log"},
    };
    const char *why = strerror(-status), *hint = NULL;
    char summary[SHOWN];
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (known[i].status == -status) {
            why = known[i].why;
            hint = known[i].hint;
        }
    (void)snprintf(summary, sizeof(summary), "%.200s %s", program, why);
    probe_end(run,
              .how = PROBE_FAILED,
              .status = status,
              .reason = status == -ETIMEDOUT ? "timeout" : "exec",
              .summary = summary,
              .hint = hint);
}

/* True: it has done well.  Otherwise why is said. */
static bool went_well(struct probe_run *run, const char *program, int status,
                      const struct probe_exit *end)
{
    char line[SHOWN];
    if (status < 0) {
        end_unstarted(run, program, status);
        return false;
    }
    if (end->code == 0 && end->signal == 0)
        return true;
    last_line(end, line);
    probe_fail(run,
               -EIO,
               "%s ended with %s %d%s%s",
               program,
               end->signal ? "signal" : "code",
               end->signal ? end->signal : end->code,
               *line ? ": " : "",
               line);
    return false;
}

/* ---------------------------------------------------------------- plan ---- */

static void planned(struct probe_run *run, bool rehearsed)
{
    char command[COMMAND_ROOM], what[COMMAND_ROOM + 8];
    say_command(renewal_of(run)->command, command);
    (void)snprintf(what, sizeof(what), "run %s", command);
    const struct probe_step step = {.key = command, .what = what};
    probe_planned(run,
                  .steps = &step,
                  .step_count = 1,
                  .total = 1,
                  .note = rehearsed ? "its rehearsal went well" : "it was not rehearsed");
}

static void on_rehearsed(int status, const struct probe_exit *end, void *data)
{
    struct probe_run *run = data;
    if (went_well(run, renewal_of(run)->rehearsal[0], status, end))
        planned(run, true);
}

/* The deadline of the run ends it. */
static void run_program(struct probe_run *run, const char *const *argv, probe_exec_fn *fn)
{
    const struct cert_renewal *renewal = renewal_of(run);
    probe_exec(
        &run->life, fn, run, .argv = argv, .env = renewal->environment, .user = renewal->user);
}

void renew_plan(struct probe_target *self, struct probe_run *run)
{
    const struct cert_renewal *renewal = renewal_of(run);
    (void)self;
    if (!renewal)
        probe_end(run,
                  .how = PROBE_FAILED,
                  .status = -EINVAL,
                  .reason = "config",
                  .summary = "the target declares no renewal",
                  .hint =
                      "write renewal: {command: [/usr/bin/certbot, renew, -n, --cert-name, NAME]}");
    else if (renewal->rehearsal && renewal->rehearsal[0])
        run_program(run, renewal->rehearsal, on_rehearsed);
    else
        planned(run, false);
}

/* --------------------------------------------------------------- apply ---- */

static void on_renewed(int status, const struct probe_exit *end, void *data)
{
    struct probe_run *run = data;
    char line[SHOWN], summary[SHOWN + 40];
    if (!went_well(run, renewal_of(run)->command[0], status, end))
        return;
    last_line(end, line);
    (void)snprintf(summary, sizeof(summary), "it went well%s%s", *line ? ": " : "", line);
    probe_applied(run, .outcome = PROBE_APPLIED, .summary = summary);
}

void renew_apply(struct probe_target *self, struct probe_run *run, const struct probe_step *step)
{
    const struct cert_renewal *renewal = renewal_of(run);
    char command[COMMAND_ROOM] = "";
    (void)self;
    if (renewal)
        say_command(renewal->command, command);
    if (!renewal || strcmp(command, step->key) != 0)
        probe_fail(run, -EINVAL, "the step is of another command");
    else
        run_program(run, renewal->command, on_renewed);
}

/* -------------------------------------------------------------- tables ---- */

const struct probe_option renewal_options[] = {
    {"command",
     PROBE_LIST_AT(struct cert_renewal, command),
     .help = "program and arguments that renew the certificate, without a shell; exec.allow has to "
             "name the program"},
    {"rehearsal",
     PROBE_LIST_AT(struct cert_renewal, rehearsal),
     .fallback = "[]",
     .help = "the same without effect, run for each plan: certbot renew --dry-run"},
    {"user",
     PROBE_STRING_AT(struct cert_renewal, user),
     .fallback = "",
     .help = "who runs it; default: the agent's own user"},
    {"environment",
     PROBE_PAIRS_AT(struct cert_renewal, environment),
     .fallback = "",
     .help = "all of its environment; a value may be a reference to a secret"},
    {0},
};

int renew_check(const struct cert_renewal *renewal, struct probe_error *error)
{
    if (!renewal->command || !renewal->command[0] || *renewal->command[0] != '/')
        return probe_refuse(error,
                            "renewal",
                            "names no program by an absolute path; write command: "
                            "[/usr/bin/certbot, renew, -n, --cert-name, NAME]");
    if (renewal->rehearsal && renewal->rehearsal[0] && *renewal->rehearsal[0] != '/')
        return probe_refuse(error, "renewal", "rehearses with a program of no absolute path");
    return 0;
}
