/*
 * file - certificates in files: those that a server is to read, before it has read them.
 *
 * Files are read one after the other in a process that can be killed; one that hangs costs those
 * after it, and is said so.  A private key is compared, and never kept.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cert.h"

enum { MOST_FILES = 200, FILE_BYTES = 1 << 20, KEY_BYTES = 64 << 10 };

int file_prepare(const void *config_, void *memory, struct probe_error *error)
{
    const struct file_config *config = config_;
    (void)memory;
    if (*config->path != '/')
        return probe_refuse(error, "path", "is not an absolute path");
    if (config->key && strchr(config->key, '/') && *config->key != '/')
        return probe_refuse(
            error, "key", "is neither an absolute path nor a name beside the certificate");
    if (config->crl && *config->crl != '/')
        return probe_refuse(error, "crl", "is not an absolute path");
    return 0;
}

/* ------------------------------------------------------------- findings ---- */

static void read_next(struct probe_run *run);

static const char *hint_of(int status)
{
    switch (status) {
    case -EACCES:
    case -EPERM:
        return "let the agent's user read it: the file, and every folder above it (chmod, setfacl)";
    case -ENOENT:
        return "compare `path` with what is there; a mount or a secret may be missing";
    case -ETIMEDOUT:
        return "the file system does not answer: see the mount";
    default:
        return NULL;
    }
}

static void report_unreadable(struct probe_run *run, const char *path, int status)
{
    char summary[500];
    (void)snprintf(summary, sizeof(summary), "%.400s cannot be read: %s", path, strerror(-status));
    report_unseen(run, path, FAULT_UNREADABLE, summary, hint_of(status));
}

static void report_file(struct probe_run *run, enum chain_key key)
{
    struct file_run *state = run->data;
    struct probe_field extra[2];
    size_t count = 0;
    if (key != CHAIN_KEY_NONE)
        extra[count++] = probe_bool("key_match", key == CHAIN_KEY_FITS);
    extra[count++] = probe_int("certificates", (int64_t)state->chain->total);
    if (key == CHAIN_KEY_OTHER)
        verdict_add(&state->verdict,
                    FAULT_KEY,
                    -1,
                    "the private key%s%.150s is another certificate's",
                    state->key_path ? " in " : "",
                    state->key_path ? state->key_path : " beside it");
    report_verdict(run,
                   &state->verdict,
                   &(const struct report){.subject = state->paths[state->at],
                                          .shown = state->chain,
                                          .extra = extra,
                                          .extra_count = count});
}

/* On to the next file. */
static void leave(struct probe_run *run)
{
    struct file_run *state = run->data;
    chain_free(state->chain);
    free(state->key_path);
    state->chain = NULL;
    state->key_path = NULL;
    state->at++;
    read_next(run);
}

/* The file system is gone, or we are: what was not looked at is said to be so. */
static void give_up(struct probe_run *run, int status)
{
    struct file_run *state = run->data;
    for (; state->at < state->count; state->at++)
        report_unreadable(run, state->paths[state->at], status);
    probe_done(run);
}

static bool is_over(int status)
{
    return status == -ETIMEDOUT || status == -ECANCELED;
}

/* ------------------------------------------------------------------ key ---- */

/* NULL: none, or it cannot be read now; then what needs it stays locked, and that is told. */
static const char *password_of(struct probe_run *run)
{
    const struct file_config *config = run->config;
    return config->password ? probe_reveal(&run->life, config->password) : NULL;
}

/* "privkey.pem" lies beside the certificate. */
static char *place_key(const char *key, const char *certificate)
{
    char *path = NULL;
    int folder_len = (int)(strrchr(certificate, '/') - certificate);
    if (*key == '/')
        return strdup(key);
    return asprintf(&path, "%.*s/%s", folder_len, certificate, key) < 0 ? NULL : path;
}

static void on_key(int status, const struct probe_sight *sight, void *data)
{
    struct probe_run *run = data;
    struct file_run *state = run->data;
    char summary[500];
    enum chain_key key =
        status < 0
            ? CHAIN_KEY_NONE
            : chain_key_of(&state->chain->all[0], sight->bytes, sight->len, password_of(run));
    report_file(run, key == CHAIN_KEY_LOCKED ? CHAIN_KEY_NONE : key);
    /* A subject of its own: what is not known of the key hides nothing of the certificate. */
    if (status < 0) {
        report_unreadable(run, state->key_path, status);
    } else if (key == CHAIN_KEY_LOCKED || key == CHAIN_KEY_NONE) {
        (void)snprintf(summary,
                       sizeof(summary),
                       key == CHAIN_KEY_LOCKED ? "the private key in %.400s is encrypted"
                                               : "there is no private key in %.400s",
                       state->key_path);
        report_unseen(run,
                      state->key_path,
                      FAULT_NO_KEY,
                      summary,
                      key == CHAIN_KEY_LOCKED ? "give its `password`, or leave `key` out"
                                              : "compare `key` with what is there");
    }
    if (is_over(status)) {
        state->at++;
        give_up(run, status);
    } else {
        leave(run);
    }
}

/* ----------------------------------------------------------- certificate ---- */

/* `before` and `after` are the sentence around the file's name. */
static void leave_unopened(struct probe_run *run, enum fault fault, const char *before,
                           const char *after, const char *hint)
{
    struct file_run *state = run->data;
    const char *path = state->paths[state->at];
    char summary[500];
    (void)snprintf(summary, sizeof(summary), "%s%.350s%s", before, path, after);
    report_unseen(run, path, fault, summary, hint);
    leave(run);
}

/* `own`: the key that came with the certificate, as HAProxy and PKCS#12 have it. */
static void judge_chain(struct probe_run *run, enum chain_key own)
{
    const struct file_config *config = run->config;
    struct file_run *state = run->data;
    int64_t wall_ms = probe_wall(&run->life);
    verdict_of_file(state->chain, config->names, wall_ms, &state->verdict);
    if (state->crl)
        crl_judge(state->crl, state->chain, wall_ms, &state->verdict);
    if (config->key) {
        state->key_path = place_key(config->key, state->paths[state->at]);
        (void)probe_look_at(&run->life, PROBE_LOOK_READ, state->key_path, KEY_BYTES, on_key, run);
        return;
    }
    report_file(run, own == CHAIN_KEY_LOCKED ? CHAIN_KEY_NONE : own);
    leave(run);
}

static void on_opened(int status, void *data)
{
    struct store *store = data;
    struct probe_run *run = store->run;
    enum store_state opened = store->state;
    enum chain_key own = store->key;
    struct file_run *state = status == -ECANCELED ? NULL : run->data;
    if (state && opened == STORE_OPEN) {
        state->chain = store->chain;
        store->chain = NULL;
    }
    store_free(store);
    if (!state)
        return;
    if (opened == STORE_LOCKED)
        leave_unopened(run,
                       FAULT_LOCKED,
                       "",
                       " does not open with this password",
                       "give the check the file's `password`");
    else if (opened == STORE_STRANGE)
        leave_unopened(run,
                       FAULT_UNREADABLE,
                       "",
                       " is a PKCS#12 file of a kind that cannot be opened, or damaged",
                       "write it anew (openssl pkcs12 -export), with today's algorithms");
    else if (opened == STORE_NONE || state->chain->count == 0)
        leave_unopened(run,
                       FAULT_NO_CERTIFICATE,
                       "there is no certificate in ",
                       "",
                       "it is neither PEM nor DER nor PKCS#12, or empty: write it again, or leave "
                       "it out of `path`");
    else
        judge_chain(run, own);
}

static void judge_file(struct probe_run *run, const struct probe_sight *sight)
{
    struct file_run *state = run->data;
    state->chain = chain_of_file(sight->bytes, sight->len);
    if (state->chain && state->chain->count > 0) {
        judge_chain(
            run, chain_key_of(&state->chain->all[0], sight->bytes, sight->len, password_of(run)));
        return;
    }
    chain_free(state->chain);
    state->chain = NULL;
    struct store *store = store_new(run, sight->bytes, sight->len, password_of(run));
    if (store)
        (void)probe_work(&run->life, store_open, on_opened, store);
    else
        probe_fail(run, -ENOMEM, "out of memory");
}

static void on_read(int status, const struct probe_sight *sight, void *data)
{
    struct probe_run *run = data;
    struct file_run *state = run->data;
    if (is_over(status)) {
        give_up(run, status);
    } else if (status < 0) {
        report_unreadable(run, state->paths[state->at], status);
        leave(run);
    } else {
        judge_file(run, sight);
    }
}

static void read_next(struct probe_run *run)
{
    struct file_run *state = run->data;
    if (state->at == state->count)
        probe_done(run);
    else
        (void)probe_look_at(
            &run->life, PROBE_LOOK_READ, state->paths[state->at], FILE_BYTES, on_read, run);
}

/* -------------------------------------------------------------- pattern ---- */

static void add_path(struct file_run *state, const char *path)
{
    char *copy = strdup(path);
    if (copy)
        state->paths[state->count++] = copy;
}

static void on_listed(int status, const struct probe_sight *sight, void *data)
{
    struct probe_run *run = data;
    const struct file_config *config = run->config;
    struct file_run *state = run->data;
    char summary[500];
    size_t files = 0;
    for (size_t i = 0; status == 0 && i < sight->file_count; i++) {
        if (!S_ISREG(sight->files[i].mode))
            continue;
        if (files++ < MOST_FILES)
            add_path(state, sight->files[i].path);
    }
    if (status < 0) {
        report_unreadable(run, config->path, status);
    } else if (files == 0) {
        (void)snprintf(summary, sizeof(summary), "no file is named by %.400s", config->path);
        report_unseen(
            run,
            config->path,
            FAULT_NO_FILES,
            summary,
            "compare `path` with what is there; folders need x for the agent's user, too");
    } else if (files > MOST_FILES) {
        (void)snprintf(summary,
                       sizeof(summary),
                       "%zu files are named by %.400s, of which %d are looked at",
                       files,
                       config->path,
                       MOST_FILES);
        report_unseen(run,
                      config->path,
                      FAULT_TOO_MANY_FILES,
                      summary,
                      "write a narrower pattern, or several");
    }
    read_next(run);
}

static void look(struct probe_run *run)
{
    const struct file_config *config = run->config;
    struct file_run *state = run->data;
    char pattern[4096];
    size_t len = strlen(config->path);
    bool folder = config->path[len - 1] == '/';
    if (folder || strpbrk(config->path, "*?[")) {
        (void)snprintf(pattern, sizeof(pattern), "%s%s", config->path, folder ? "*" : "");
        (void)probe_look_at(&run->life, PROBE_LOOK_LIST, pattern, 0, on_listed, run);
    } else {
        add_path(state, config->path);
        read_next(run);
    }
}

static void on_crl(struct probe_run *run, struct crl *crl)
{
    struct file_run *state = run->data;
    state->crl = crl;
    look(run);
}

void file_run(struct probe_target *self, struct probe_run *run)
{
    const struct file_config *config = run->config;
    struct file_run *state = run->data;
    (void)self;
    state->paths = calloc(MOST_FILES, sizeof(*state->paths));
    if (!state->paths)
        probe_fail(run, -ENOMEM, "out of memory");
    else if (config->crl)
        crl_read(run, config->crl, on_crl);
    else
        look(run);
}

void file_ended(struct probe_target *self, struct probe_run *run)
{
    struct file_run *state = run->data;
    (void)self;
    for (size_t i = 0; i < state->count; i++)
        free(state->paths[i]);
    free(state->paths);
    free(state->key_path);
    chain_free(state->chain);
    crl_free(state->crl);
}
