#include "app/vouch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/child.h"
#include "io/digest.h"
#include "io/loop.h"

enum { LOOK_MS = 5000, LONGEST_APPROVERS = 1 << 20, PROOF_LEN = 128 };

/* One decision whose signature waits for the approvers' file. */
struct voucher {
    struct list link;
    struct vouch *vouch;
    struct life life;
    struct timer patience;
    char *path, *signature;
    struct text statement;
    vouch_fn *fn;
    void *data;
};

static void end(struct voucher *voucher, const char *who, const char *proof,
                const struct error *error)
{
    vouch_fn *fn = voucher->fn;
    void *data = voucher->data;
    list_remove(&voucher->link);
    timer_stop(&voucher->patience);
    life_drop(&voucher->life);
    free(voucher->path);
    free(voucher->signature);
    text_finish(&voucher->statement);
    free(voucher);
    fn(who, proof, error, data);
}

/* `message` is taken over. */
static void fail(struct voucher *voucher, int code, char *message)
{
    struct error error;
    (void)error_set(&error, code, "%s", message);
    free(message);
    end(voucher, NULL, NULL, &error);
}

/* Each statement counts once: false, it has. */
static bool use(struct vouch *vouch, const struct text *statement, int64_t now_ms)
{
    char digest[65];
    size_t free_place = VOUCH_MOST_USED;
    digest_text(statement, 64, digest);
    for (size_t i = 0; i < VOUCH_MOST_USED; i++) {
        bool fresh = vouch->used[i].until_ms > now_ms;
        if (fresh && strcmp(vouch->used[i].digest, digest) == 0)
            return false;
        if (!fresh)
            free_place = i;
    }
    if (free_place == VOUCH_MOST_USED)
        return false;
    memcpy(vouch->used[free_place].digest, digest, sizeof(digest));
    vouch->used[free_place].until_ms = now_ms + 2 * STATEMENT_FRESH_MS;
    return true;
}

static void judge(struct voucher *voucher, const char *approvers)
{
    struct vouch *vouch = voucher->vouch;
    int64_t now_ms = loop_wall_ms(vouch->loop);
    char principal[SSHSIG_PRINCIPAL_LEN], proof[PROOF_LEN];
    struct sshsig_key *key MEM_AUTO = mem_new(sizeof(*key));
    const struct sshsig_matter matter = {
        STATEMENT_SCOPE, voucher->statement.bytes, voucher->statement.len};
    struct error error;
    if (sshsig_check(voucher->signature, &matter, key, &error) < 0 ||
        sshsig_find_signer(approvers, key, STATEMENT_SCOPE, now_ms, principal, &error) < 0) {
        end(voucher, NULL, NULL, &error);
        return;
    }
    if (!use(vouch, &voucher->statement, now_ms)) {
        fail(voucher, -EALREADY, mem_copy("this signature has counted already"));
        return;
    }
    (void)snprintf(proof, sizeof(proof), "%s %s", key->type, key->fingerprint);
    end(voucher, principal, proof, NULL);
}

static void on_file(int status, const struct probe_sight *sight, void *data)
{
    struct voucher *voucher = data;
    if (status < 0)
        fail(voucher,
             status,
             mem_print("the approvers in %s cannot be read: %s", voucher->path, strerror(-status)));
    else if (sight->truncated)
        fail(voucher, -EFBIG, mem_print("%s holds more than 1 MiB", voucher->path));
    else
        judge(voucher, sight->bytes);
}

static void on_impatient(void *data)
{
    struct voucher *voucher = data;
    fail(voucher,
         -ETIMEDOUT,
         mem_print("%s cannot be read, as on a mount that does not answer", voucher->path));
}

/* ------------------------------------------------------------------- asked ---- */

static void ask_file(struct vouch *vouch, const char *path, const struct text *statement,
                     const char *signature, vouch_fn *fn, void *data)
{
    struct voucher *voucher = mem_new(sizeof(*voucher));
    voucher->vouch = vouch;
    voucher->path = mem_copy(path);
    voucher->signature = mem_copy(signature);
    voucher->fn = fn;
    voucher->data = data;
    text_init(&voucher->statement, STATEMENT_LONGEST);
    text_add_n(&voucher->statement, statement->bytes, statement->len);
    list_add(&vouch->waiting, &voucher->link);
    life_init(&voucher->life, vouch->loop);
    timer_start(&voucher->patience, vouch->loop, LOOK_MS, on_impatient, voucher);
    (void)child_look(&voucher->life, PROBE_LOOK_READ, path, LONGEST_APPROVERS, on_file, voucher);
}

static void by_uid(const struct entry_approval *approval, const struct control_request *request,
                   vouch_fn *fn, void *data)
{
    struct error error;
    char who[32];
    (void)snprintf(who, sizeof(who), "uid %u", (unsigned)request->uid);
    if (!approval || !approval->approvers || approval->local) {
        fn(who, "peercred", NULL, data);
        return;
    }
    (void)error_set(&error, -EACCES, "refused: this socket knows you as %s, which is nobody", who);
    (void)error_hint(&error, "sign with --key, or use an approver's login");
    fn(NULL, NULL, &error, data);
}

void vouch_ask(struct vouch *vouch, const struct entry_approval *approval,
               const struct statement *statement, const struct control_request *request,
               vouch_fn *fn, void *data)
{
    const char *signature = json_string_value(json_object_get(request->args, "signature"));
    struct statement whole = *statement;
    struct text TEXT_AUTO text;
    struct error error;
    text_init(&text, STATEMENT_LONGEST);
    if (!signature) {
        by_uid(approval, request, fn, data);
        return;
    }
    int64_t now_ms = loop_wall_ms(vouch->loop);
    whole.wall_ms = json_integer_value(json_object_get(request->args, "time_ms"));
    int64_t age_ms = now_ms > whole.wall_ms ? now_ms - whole.wall_ms : whole.wall_ms - now_ms;
    statement_print(&whole, &text);
    if (!approval || !approval->approvers)
        (void)error_set(
            &error, -ENOKEY, "nobody's key counts here: approval.approvers is not configured");
    else if (text.cut)
        (void)error_set(&error, -EMSGSIZE, "the decision is too long");
    else if (age_ms > STATEMENT_FRESH_MS)
        (void)error_set(&error,
                        -ESTALE,
                        "the signature is of another time: five minutes are the most, and the two "
                        "clocks must agree");
    else {
        ask_file(vouch, approval->approvers, &text, signature, fn, data);
        return;
    }
    *error.hint = '\0';
    fn(NULL, NULL, &error, data);
}

void vouch_open(struct vouch *vouch, struct loop *loop)
{
    *vouch = (struct vouch){.loop = loop};
    list_init(&vouch->waiting);
}

void vouch_close(struct vouch *vouch)
{
    while (!list_empty(&vouch->waiting))
        fail(list_first(&vouch->waiting, struct voucher, link),
             -ECANCELED,
             mem_copy("the agent ends"));
}
