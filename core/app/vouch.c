#include "app/vouch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/child.h"
#include "io/digest.h"
#include "io/loop.h"

enum { LOOK_MS = 5000, LONGEST_APPROVERS = 1 << 20, PROOF_LEN = 128, WHO_LEN = 160 };

/* One decision whose signature waits for the approvers' file. */
struct voucher {
    struct list link;
    struct vouch *vouch;
    struct life life;
    struct timer patience;
    char *path, *signature;
    struct text statement;
    struct keeping *keeping; /* NULL: it is not on its way to the disk */
    vouch_fn *fn;
    void *data;
};

/* A signature that is written down as used. */
struct keeping {
    struct voucher *voucher; /* NULL: it is over */
    char who[SSHSIG_PRINCIPAL_LEN], proof[PROOF_LEN];
};

static void end(struct voucher *voucher, const char *who, const char *proof,
                const struct error *error)
{
    vouch_fn *fn = voucher->fn;
    void *data = voucher->data;
    list_remove(&voucher->link);
    if (voucher->keeping)
        voucher->keeping->voucher = NULL;
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

/* It is on disk, or there is none: then nothing outlives the agent, and no plan does. */
static void on_kept(int status, void *data)
{
    struct keeping *keeping = data;
    struct voucher *voucher = keeping->voucher;
    if (voucher) {
        voucher->keeping = NULL;
        if (status == 0 || status == -ENOTSUP)
            end(voucher, keeping->who, keeping->proof, NULL);
        else
            fail(voucher,
                 status,
                 mem_print("that this signature has counted cannot be written down: %s",
                           strerror(-status)));
    }
    free(keeping);
}

static void judge(struct voucher *voucher, const char *approvers)
{
    struct vouch *vouch = voucher->vouch;
    int64_t now_ms = loop_wall_ms(vouch->loop);
    char digest[SPENT_DIGEST_LEN + 1];
    struct keeping *keeping = mem_new(sizeof(*keeping));
    struct sshsig_key *key MEM_AUTO = mem_new(sizeof(*key));
    const struct sshsig_matter matter = {
        STATEMENT_SCOPE, voucher->statement.bytes, voucher->statement.len};
    struct error error;
    if (sshsig_check(voucher->signature, &matter, key, &error) < 0 ||
        sshsig_find_signer(approvers, key, STATEMENT_SCOPE, now_ms, keeping->who, &error) < 0) {
        free(keeping);
        end(voucher, NULL, NULL, &error);
        return;
    }
    (void)snprintf(keeping->proof, sizeof(keeping->proof), "%s %s", key->type, key->fingerprint);
    digest_text(&voucher->statement, SPENT_DIGEST_LEN, digest);
    keeping->voucher = voucher;
    voucher->keeping = keeping;
    timer_stop(&voucher->patience);
    int status =
        spent_use(vouch->spent, digest, now_ms, now_ms + 2 * STATEMENT_FRESH_MS, on_kept, keeping);
    if (status == 0)
        return;
    voucher->keeping = NULL;
    free(keeping);
    fail(voucher,
         status,
         status == -EALREADY ? mem_copy("this signature has counted already")
                             : mem_print("%d signatures have counted within ten minutes, and no "
                                         "more can be remembered: sign again later",
                                         (int)SPENT_MOST));
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

/*
 * What another agent has passed on came by way of the lease's store: whoever may write there may claim any
 * uid.  So that is enough for what holds the agent back, and for nothing that lets it act.
 */
static void by_uid(const struct entry_approval *approval, const struct control_request *request,
                   const char *decision, vouch_fn *fn, void *data)
{
    struct error error;
    char who[WHO_LEN];
    (void)snprintf(who,
                   sizeof(who),
                   "uid %u%s%s",
                   (unsigned)request->uid,
                   request->from ? " at " : "",
                   request->from ? request->from : "");
    if (request->from && strcmp(decision, "reject") != 0) {
        (void)error_set(&error,
                        -EACCES,
                        "refused: only the agent that holds the lease may take that from a uid, by "
                        "its own socket; this was %s",
                        who);
        (void)error_hint(&error, "say it there, or sign with --key");
        fn(NULL, NULL, &error, data);
        return;
    }
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
        by_uid(approval, request, statement->decision, fn, data);
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

void vouch_open(struct vouch *vouch, struct loop *loop, struct spent *spent)
{
    *vouch = (struct vouch){.loop = loop, .spent = spent};
    list_init(&vouch->waiting);
}

void vouch_close(struct vouch *vouch)
{
    while (!list_empty(&vouch->waiting))
        fail(list_first(&vouch->waiting, struct voucher, link),
             -ECANCELED,
             mem_copy("the agent ends"));
}
