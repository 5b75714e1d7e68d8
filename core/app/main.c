/* main - the runbookd program: finds the command and runs it. */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "app/command.h"
#include "io/child.h"
#include "io/thread.h"

const struct command commands[] = {
    {"run",
     "[-c PATH]...",
     "The agent, in the foreground: events on stdout, its log on stderr.",
     "config plugins scripts for on-config-error verbose",
     "Without -c it finds targets by the usual variables (DATABASE_URL, REDIS_URL, ...) and says\n"
     "where each came from.  SIGTERM and Ctrl-C end it in order.\n"
     "In roles sidecar and node a wrong configuration does not keep it from starting: it goes on\n"
     "with the last good one, which it keeps in agent.state, or watches nothing, and says so.\n",
     EXIT_REFUSED,
     cmd_run,
     true},
    {"once",
     "[-c PATH]... [TARGET[/NAME]]...",
     "Every check once, now.",
     "config plugins scripts format verbose",
     "Exit code: 0 ok, 1 warning, 2 critical, 3 unknown or not run at all.\n",
     EXIT_UNKNOWN,
     cmd_once},
    {"probe",
     "URL...",
     "All light checks that fit an URL, once, without a configuration.",
     "plugins format verbose",
     "For example: runbookd probe postgres://db/orders redis://cache "
     "https://api.example.org/health\n"
     "A password belongs into a reference, which your shell's history and `ps` do not show:\n"
     "  runbookd probe 'postgres://monitor:${env:PGPASSWORD}@db/orders'\n"
     "Exit code: 0 ok, 1 warning, 2 critical, 3 unknown or not run at all.\n",
     EXIT_UNKNOWN,
     cmd_probe},
    {"validate",
     "[-c PATH]...",
     "Reads a configuration, and says everything that is wrong with it at once.",
     "config plugins scripts offline verbose",
     NULL,
     EXIT_REFUSED,
     cmd_validate,
     true},
    {"config",
     "show [-c PATH]...",
     "What is in force, with where each value comes from; no secret's value.",
     "config plugins scripts offline",
     NULL,
     EXIT_REFUSED,
     cmd_config},
    {"diff",
     "OLD NEW",
     "What a change of the configuration would change; needs no secret and no network.",
     "plugins scripts",
     "Signs: + new, - gone, ~ otherwise, ! a person should see this line.\n",
     EXIT_REFUSED,
     cmd_diff},
    {"plugins",
     "",
     "What is loaded, and what was refused.",
     "plugins",
     NULL,
     EXIT_REFUSED,
     cmd_plugins,
     true},
    {"checks",
     "[PLUGIN]...",
     "Every check of every plugin, a line each.",
     "plugins",
     NULL,
     EXIT_REFUSED,
     cmd_checks},
    {"explain",
     "NAME...",
     "What a plugin or a check asks: options, measures, conditions, rights.",
     "plugins",
     "NAME is a plugin (postgres), a check (postgres.connections) or an action "
     "(redis:quarantine_queue).\n",
     EXIT_REFUSED,
     cmd_explain},
    {"schema",
     "[--events | --tests]",
     "The JSON Schema of the configuration, for editors; of the events; of its tests.",
     "plugins events tests",
     NULL,
     EXIT_REFUSED,
     cmd_schema,
     true},
    {"script",
     "list | show NAME | test [PATH]... | run FILE -c PATH --target ROLE=TARGET",
     "Remediation scripts: which there are, what one may do, whether their tests pass; one by "
     "hand.",
     "config plugins scripts target with apply yes json",
     "run prints what a script would do, on the targets of a configuration; with --apply it does "
     "it,\n"
     "once the first digits of the plan's hash were typed.  Its FILE may be a name of `script "
     "list`.\n"
     "A script belongs to a folder: FOLDER/NAME.lua, FOLDER/SUB/NAME.lua, FOLDER/lib for what "
     "they\n"
     "share.  PATH is a test, NAME_test.lua, or a folder of scripts; without one: all that there "
     "are.\n"
     "Tests need no network, no secret and no server, and always end in the same way.\n",
     EXIT_REFUSED,
     cmd_script},
    {"test",
     "[-c PATH]... PATH...",
     "Offline tests of a configuration: conditions, holds, remediations and scripts, on a clock of "
     "their own.",
     "config plugins scripts verbose",
     "PATH is a test, NAME_test.yaml, or a folder of them.  A test says what checks find and what\n"
     "people do, each at its time, and what is to be said and done then; runbookd.yaml(5) has "
     "one.\n"
     "The configuration is the one that the test names, with those of -c laid over it.\n"
     "Tests need no network, no secret and no server, and always end in the same way.\n"
     "Exit code 0 when all passed, else 1.\n",
     EXIT_REFUSED,
     cmd_test},
    {"status",
     "[-c PATH]...",
     "How a running agent is, and what it found, in numbers.",
     "config socket json",
     "Exit code, as monitoring plugins have it: the worst finding, 0 ok, 1 warning, 2 critical,\n"
     "3 unknown, nothing found yet, or no agent there.\n",
     EXIT_UNKNOWN,
     cmd_status,
     true},
    {"findings",
     "[-c PATH]... [TARGET[/CHECK]]",
     "What is not ok at present, the worst first.",
     "config socket json all",
     NULL,
     EXIT_REFUSED,
     cmd_findings},
    {"show",
     "[-c PATH]... TARGET/CHECK[SUBJECT] | ID",
     "All that is known of a finding: measures, condition, evidence, changes, rights.",
     "config socket json",
     "ID is an event's, or its first digits.\n",
     EXIT_REFUSED,
     cmd_show},
    {"healthz",
     "[-c PATH]...",
     "Whether a running agent lives: for a container's liveness probe.",
     "config socket json",
     "Exit code 0 when it answers within 5 s, whatever it found, else 1.\n",
     EXIT_REFUSED,
     cmd_healthz,
     true},
    {"reload",
     "[-c PATH]...",
     "Has a running agent read its configuration again, and says what came of it.",
     "config socket json",
     "Exit code 0 when it is in force, 1 where it is wrong: then the old one goes on.\n",
     EXIT_REFUSED,
     cmd_reload,
     true},
    {"pending",
     "[-c PATH]...",
     "Plans of a running agent that wait for a person; with --all those of the last day too.",
     "config socket json all",
     NULL,
     EXIT_REFUSED,
     cmd_pending,
     true},
    {"plan",
     "[-c PATH]... PLAN",
     "All of a plan: what it binds, what it would touch, what the guard says of it now.",
     "config socket json watch",
     "With --watch a line for each change until it has ended.  Exit code then: 0 when it was "
     "applied\n"
     "and, where that is to be verified, has helped; 1 otherwise.\n",
     EXIT_REFUSED,
     cmd_plan},
    {"approve",
     "[-c PATH]... PLAN",
     "Shows a plan, asks for the first digits of its hash, and has it applied.",
     "config socket json except reason hash key",
     "What is approved is what was read, and nothing else.  Destructive plans may need two "
     "persons.\n"
     "Exit code 0 when it was applied, or waits for another approval.\n",
     EXIT_REFUSED,
     cmd_approve},
    {"reject",
     "[-c PATH]... PLAN",
     "Rejects a plan.",
     "config socket json reason key",
     NULL,
     EXIT_REFUSED,
     cmd_reject},
    {"undo",
     "[-c PATH]... PLAN",
     "Takes back what was applied under a plan, where that can be.",
     "config socket json reason key",
     NULL,
     EXIT_REFUSED,
     cmd_undo},
    {"remediate",
     "[-c PATH]... NAME",
     "Starts a remediation that is configured, by hand and under guard.",
     "config socket json with reason key",
     NULL,
     EXIT_REFUSED,
     cmd_remediate},
    {"audit",
     "verify [FILE] [ENTRY:HASH] | list [REMEDIATION] | export FILE",
     "Whether the audit's chain of hashes is whole; what was decided, begun and done; a copy.",
     "config socket json since until kind",
     "verify ENTRY:HASH asks for the entry that an event has shown, too.  list prints the newest "
     "1000\n"
     "entries that fit, the oldest of them first; with --json a line each, as events have them.  "
     "export\n"
     "writes all entries of a time into a new FILE (-: stdout), which verify FILE verifies by "
     "itself.\n",
     EXIT_REFUSED,
     cmd_audit},
    {"silence",
     "TARGET[/CHECK[SUBJECT]] --for DURATION | list | end ID",
     "Keeps findings from people, and remediations from starting for them, for a while.",
     "config socket json for reason label",
     "* stands for any letters of a target or a check.  The checks run, and all is recorded: "
     "events "
     "of\n"
     "these findings name the silence in silenced_by, by which whoever tells people goes.\n",
     EXIT_REFUSED,
     cmd_silence},
    {"freeze",
     "[--for DURATION] [--reason TEXT]",
     "Stops all changes by the running agent; looking and recording go on.",
     "config socket json for reason",
     "Without --for until somebody thaws.  A file does the same: guard.freeze.file.\n",
     EXIT_REFUSED,
     cmd_freeze,
     true},
    {"thaw", "", "Ends a freeze.", "config socket json reason", NULL, EXIT_REFUSED, cmd_thaw, true},
    {"ack",
     "PLAN | TARGET/CHECK[SUBJECT] | ID",
     "Says who looks after a plan that waits, or after a finding until it is ok again.",
     "config socket json reason as",
     "Nobody is reminded of such a plan any more; it is neither approved nor rejected by it.\n",
     EXIT_REFUSED,
     cmd_ack},
    {"lock",
     "TARGET [--reason TEXT]",
     "Keeps a target's evidence: nothing disruptive or destructive is done to it.",
     "config socket json reason as",
     "What only reads, or can be taken back, goes on.  runbookd status lists locks.\n",
     EXIT_REFUSED,
     cmd_lock},
    {"unlock",
     "TARGET [--reason TEXT] [--key FILE]",
     "Lifts a lock; where approvers are configured, one of them must sign.",
     "config socket json reason key",
     NULL,
     EXIT_REFUSED,
     cmd_unlock},
    {"spool",
     "[list [SINK]] | show ID | resend SINK|ID|all | drop SINK|ID|all",
     "What waits for sinks, and the events that their receivers have refused.",
     "config socket json",
     "A refused event is set aside, so that the others go on.  Once the receiver was mended, "
     "resend "
     "puts it\n"
     "at the end of the sink's queue; what is refused again is set aside again.\n",
     EXIT_REFUSED,
     cmd_spool},
    {"version",
     "",
     "Version, plugin contract, libraries.",
     "",
     NULL,
     EXIT_REFUSED,
     cmd_version,
     true},
    {0},
};

static int print_usage(FILE *out, int code)
{
    (void)fprintf(out, "usage: runbookd COMMAND [OPTION]... [ARGUMENT]...\n\n");
    for (const struct command *command = commands; command->name; command++)
        (void)fprintf(out, "  %-10s %s\n", command->name, command->summary);
    (void)fprintf(out, "\nrunbookd COMMAND --help tells all.\n");
    return code;
}

/* Secrets are in our memory: no core dump, no debugger of the same user. */
static void shut_the_door(void)
{
#ifndef __SANITIZE_ADDRESS__ /* its leak check attaches to the process */
    (void)prctl(PR_SET_DUMPABLE, 0);
#endif
}

/* A thread that hangs goes with the process: what it uses is not taken from under it before. */
static int leave(int code)
{
    enum { LEFT_MS = 2000 };
    if (thread_wait_for_left(LEFT_MS) == 0)
        return code;
    (void)fflush(stdout);
    (void)fflush(stderr);
    _exit(code);
}

int main(int argc, char **argv)
{
    struct options options;
    int code;

    shut_the_door();
    if (argc < 2)
        return print_usage(stderr, EXIT_REFUSED);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0)
        return print_usage(stdout, EXIT_FINE);
    if (strcmp(argv[1], "--version") == 0)
        return cmd_version(NULL);
    for (const struct command *command = commands; command->name; command++) {
        if (strcmp(command->name, argv[1]) != 0)
            continue;
        if (!options_read(command, argc - 1, argv + 1, &options, &code))
            return code;
        return leave(command->run(&options));
    }
    (void)fprintf(stderr, "runbookd: there is no command \"%s\"\n\n", argv[1]);
    return print_usage(stderr, EXIT_REFUSED);
}
