#include "errors.h"

#include <string.h>

const char errors_node_down[] = "NODEDOWN ";

/* A hint of NULL is replaced by the right that the check needs, where it is denied. */
static const struct {
    const char *prefix, *reason;
    enum probe_failure how;
    int status;
    const char *hint;
} known[] = {
    {"NOAUTH", "noauth", PROBE_DENIED, -EACCES, "give the target a user and a password"},
    {"WRONGPASS", "noauth", PROBE_DENIED, -EACCES, "the password is wrong, or the user is off"},
    {"ERR operation not permitted",
     "noauth",
     PROBE_DENIED,
     -EACCES,
     "give the target a user and a password"},
    {"ERR invalid password", "noauth", PROBE_DENIED, -EACCES, "the password is wrong"},
    {"ERR AUTH <password> called without",
     "noauth",
     PROBE_DENIED,
     -EACCES,
     "the server asks for no password: take it out, or give the server one with requirepass"},
    {"ERR Client sent AUTH, but no password is set",
     "noauth",
     PROBE_DENIED,
     -EACCES,
     "the server asks for no password: take it out, or give the server one with requirepass"},
    {"ERR wrong number of arguments for 'auth'",
     "noauth",
     PROBE_DENIED,
     -EACCES,
     "servers before 6.0 know no users: take `user` out"},
    {"DENIED", "noauth", PROBE_DENIED, -EACCES, "protected mode: set requirepass, or bind"},
    {"NOPERM", "noperm", PROBE_DENIED, -EACCES, NULL},
    {"LOADING",
     "loading",
     PROBE_DOWN,
     -EAGAIN,
     "wait until it has read its data; a restart would begin again"},
    {"BUSY ",
     "busy",
     PROBE_DOWN,
     -EBUSY,
     "a script keeps the server from everything else; SCRIPT KILL ends one that wrote nothing"},
    {"MASTERDOWN",
     "masterdown",
     PROBE_DOWN,
     -ENOTCONN,
     "the replica has lost its master; see the master first"},
    {"CLUSTERDOWN", "clusterdown", PROBE_DOWN, -ENOTCONN, "see CLUSTER INFO and CLUSTER NODES"},
    {"TRYAGAIN",
     "tryagain",
     PROBE_FAILED,
     -EAGAIN,
     "the slot of these keys is on its way to another node"},
    {"ERR max number of clients",
     "too_many_clients",
     PROBE_DOWN,
     -EAGAIN,
     "see CLIENT LIST for who holds them, and maxclients"},
    {"MISCONF",
     "misconf",
     PROBE_FAILED,
     -EIO,
     "the last save, or a write to the AOF, failed: look at the disk and at the server's log"},
    {"OOM", "oom", PROBE_FAILED, -ENOSPC, "see maxmemory and maxmemory-policy"},
    {"READONLY", "readonly", PROBE_FAILED, -EROFS, "this is a replica; ask the master"},
    {"NOREPLICAS", "noreplicas", PROBE_FAILED, -EROFS, "see min-replicas-to-write"},
    {"MOVED",
     "moved",
     PROBE_FAILED,
     -EXDEV,
     "the nodes of the cluster do not agree: see CLUSTER NODES"},
    {"ASK ",
     "moved",
     PROBE_FAILED,
     -EXDEV,
     "the nodes of the cluster do not agree: see CLUSTER NODES"},
    {"NODEDOWN ", "node_down", PROBE_FAILED, -ENOTCONN, "see CLUSTER NODES"},
    {"CROSSSLOT", "crossslot", PROBE_FAILED, -EXDEV, "in a cluster both keys need one {hash tag}"},
    {"ERR unknown command",
     "unsupported",
     PROBE_FAILED,
     -ENOSYS,
     "the command was renamed, or something stands between us and the server"},
    {"ERR unknown subcommand",
     "unsupported",
     PROBE_INAPPLICABLE,
     -ENOSYS,
     "this server is too old for it"},
    {"ERR Unknown subcommand",
     "unsupported",
     PROBE_INAPPLICABLE,
     -ENOSYS,
     "this server is too old for it"},
    {"ERR Protocol error", "protocol", PROBE_FAILED, -EPROTO, "see that it is the right port"},
    {"ERR DB index",
     "no_database",
     PROBE_FAILED,
     -EINVAL,
     "a cluster has database 0 only, others as many as `databases` says"},
    {"WRONGTYPE", "wrongtype", PROBE_FAILED, -EINVAL, "it is another kind of key by now"},
};

const struct probe_ending errors_no_secret = {
    .size = sizeof(struct probe_ending),
    .how = PROBE_DENIED,
    .status = -EACCES,
    .reason = "noauth",
    .summary = "the password cannot be read",
    .hint = "see that the file or variable that `password` names is there, and readable for us",
};

void errors_sentence(const char *reply, struct error_text *text)
{
    size_t len = strcspn(reply, "\r\n");
    while (len > 0 && (reply[len - 1] == '.' || reply[len - 1] == ' '))
        len--;
    if (errors_is(reply, errors_node_down))
        (void)snprintf(text->summary,
                       sizeof(text->summary),
                       "the node %.*s",
                       (int)(len - strlen(errors_node_down)),
                       reply + strlen(errors_node_down));
    else
        (void)snprintf(
            text->summary, sizeof(text->summary), "the server answers: %.*s", (int)len, reply);
}

bool errors_is(const char *reply, const char *kind)
{
    return strncmp(reply, kind, strlen(kind)) == 0;
}

struct probe_ending errors_explain(const char *reply, struct error_text *text)
{
    struct probe_ending ending = {.size = sizeof(ending),
                                  .how = PROBE_FAILED,
                                  .status = -EPROTO,
                                  .reason = "error",
                                  .summary = text->summary};
    errors_sentence(reply, text);
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (!errors_is(reply, known[i].prefix))
            continue;
        ending.how = known[i].how;
        ending.status = known[i].status;
        ending.reason = known[i].reason;
        ending.hint = known[i].hint;
        break;
    }
    return ending;
}

/* ------------------------------------------------------------- streams ---- */

/* A server in TLS that is addressed in clear cuts off, and the other way round it says nothing. */
static void judge_stream(int status, enum probe_stage stage, bool safe, struct probe_ending *ending)
{
    ending->how = PROBE_DOWN;
    if (stage == PROBE_RESOLVING) {
        ending->how = PROBE_FAILED;
        ending->reason = "dns";
        ending->hint = "see that the name is right, and that this machine can look it up";
    } else if (status == -ETIMEDOUT) {
        ending->reason = "timeout";
        ending->hint =
            stage == PROBE_SECURING ? "it hangs, or has no TLS here: then write redis://" : NULL;
    } else if (stage == PROBE_SECURING) {
        ending->how = PROBE_FAILED;
        ending->reason = "tls";
        ending->hint = "see `tls`: the authority, the name";
    } else if (status == -EMSGSIZE) {
        ending->how = PROBE_FAILED;
        ending->reason = "protocol";
    } else if (status == -ECONNREFUSED) {
        ending->reason = "refused";
    } else {
        ending->reason = "closed";
        ending->hint = safe ? "see the server's log"
                            : "see the server's log; if it speaks TLS here, write rediss://";
    }
}

struct probe_ending errors_of_stream(int status, const struct probe_arrival *arrival, bool safe,
                                     struct error_text *text)
{
    struct probe_ending ending = {
        .size = sizeof(ending), .status = status < 0 ? status : -EPIPE, .summary = text->summary};
    const char *message = status < 0 ? arrival->message : NULL;
    (void)snprintf(text->summary,
                   sizeof(text->summary),
                   "%s",
                   message ? message : "the server closed the connection without an answer");
    judge_stream(status, status < 0 ? arrival->stage : PROBE_WAITING, safe, &ending);
    return ending;
}

struct probe_ending errors_protocol(char first)
{
    static const char tls_alert = 0x15;
    bool tls = first == tls_alert;
    return (struct probe_ending){
        .size = sizeof(struct probe_ending),
        .how = PROBE_FAILED,
        .status = -EPROTO,
        .reason = "protocol",
        .summary = tls ? "the server speaks TLS here" : "this does not speak Redis' protocol",
        .hint = tls ? "write rediss:// instead of redis://" : "see that it is the right port",
    };
}
