#include "app/desk.h"

#include <stdio.h>
#include <string.h>

#include "app/desk_parts.h"
#include "base/log.h"
#include "incident/realm.h"
#include "io/loop.h"

struct word {
    const char *word;
    desk_fn *answer;
    bool own;  /* it is about this agent alone, or lets it act: no other one may pass it on */
    bool says; /* what goes over with the lease: not before it is known what was there */
};

struct ledger_clock desk_clock(const struct desk *desk)
{
    const struct loop *loop = desk->parts.schedule->loop;
    return (struct ledger_clock){loop_now_us(loop) / 1000u, loop_wall_ms(loop)};
}

void desk_begin(struct text *text, struct writer *writer)
{
    text_init(text, CONTROL_LONGEST_ANSWER);
    writer_init(writer, text);
    writer_object(writer, NULL);
}

void desk_end(struct control_call *call, struct text *text, struct writer *writer)
{
    writer_end(writer);
    control_answer(call, text);
}

const char *desk_word(const struct control_request *request, const char *name)
{
    return json_string_value(json_object_get(request->args, name));
}

bool desk_flag(const struct control_request *request, const char *name)
{
    return json_is_true(json_object_get(request->args, name));
}

/* ---------------------------------------------------------------- reload ---- */

struct reload {
    struct list link;
    struct control_call *call;
};

static void end_reload(struct reload *reload)
{
    list_remove(&reload->link);
    free(reload);
}

static void on_reloaded(bool taken, const char *message, const char *more, void *data)
{
    struct reload *reload = data;
    struct control_call *call = reload->call;
    struct text TEXT_AUTO text;
    struct writer writer;
    end_reload(reload);
    desk_begin(&text, &writer);
    writer_bool(&writer, "taken", taken);
    writer_string(&writer, "message", message);
    writer_array(&writer, taken ? "changes" : "errors");
    for (const char *end; *more; more = *end ? end + 1 : end) {
        end = more + strcspn(more, "\n");
        writer_string_n(&writer, NULL, more, (size_t)(end - more));
    }
    writer_end(&writer);
    desk_end(call, &text, &writer);
}

static void answer_reload(struct desk *desk, struct control_call *call,
                          const struct control_request *request)
{
    if (!desk->parts.renew) {
        control_refuse(call,
                       "name a configuration by -c when the agent is started",
                       "there is no file to read again: what the environment names was taken at "
                       "the start");
        return;
    }
    struct reload *reload = mem_new(sizeof(*reload));
    reload->call = call;
    list_add(&desk->reloads, &reload->link);
    log_info("reload: asked for by uid %u", (unsigned)request->uid);
    if (!renew_ask(desk->parts.renew, on_reloaded, reload)) {
        end_reload(reload);
        control_refuse(call, NULL, "too many wait for a reload already");
    }
}

/* ----------------------------------------------------------------- words ---- */

static const struct word *find_word(const char *word)
{
    static const struct word words[] = {
        {"status", desk_status},
        {"healthz", desk_healthz, .own = true},
        {"findings", desk_findings},
        {"show", desk_show},
        {"reload", answer_reload, .own = true},
        {"pending", desk_pending},
        {"plan", desk_plan},
        {"decide", desk_decide, .says = true},
        {"silence", desk_silence, .says = true},
        {"silences", desk_silences},
        {"silence_end", desk_silence_end, .own = true, .says = true},
        {"freeze", desk_freeze},
        {"thaw", desk_thaw, .own = true},
        {"ack", desk_ack, .says = true},
        {"lock", desk_lock, .says = true},
        {"spool", desk_spool, .own = true},
        {"spool_resend", desk_spool_resend, .own = true},
        {"spool_drop", desk_spool_drop, .own = true},
    };
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcmp(words[i].word, word) == 0)
            return &words[i];
    return NULL;
}

static void on_request(struct control_call *call, const struct control_request *request, void *data)
{
    const struct desk *desk = data;
    const struct word *word = find_word(request->word);
    if (word && word->says && realm_reads(desk->parts.realm))
        control_refuse(
            call,
            "say it again",
            "this agent has just taken the lease, and reads what the one before has left");
    else if (word && request->from && word->own)
        control_refuse(call, "say it to that agent itself", "\"%s\" is not passed on", word->word);
    else if (word && (request->from || !desk_pass(data, call, request, word->answer)))
        word->answer(data, call, request);
    else if (!word)
        control_refuse(call,
                       "ask it with the runbookd that it was installed with",
                       "this agent has no answer to \"%.40s\"",
                       request->word);
}

/* ---------------------------------------------------------- open, close ---- */

static char *socket_path(const struct config_agent *agent)
{
    const char *runtime = getenv("RUNTIME_DIRECTORY");
    if (agent->control)
        return strcmp(agent->control, "off") == 0 ? NULL : mem_copy(agent->control);
    if (agent->state)
        return mem_print("%s/control.sock", agent->state);
    /* systemd: several folders, a colon between them */
    if (runtime && *runtime == '/')
        return mem_print("%.*s/control.sock", (int)strcspn(runtime, ":"), runtime);
    return NULL;
}

struct desk *desk_open(const struct desk_parts *parts)
{
    struct desk *desk = mem_new(sizeof(*desk));
    struct loop *loop = parts->schedule->loop;
    struct error error;
    *desk = (struct desk){.parts = *parts};
    list_init(&desk->reloads);
    vouch_open(&desk->vouch, loop, parts->brakes->spent);
    list_init(&desk->askings);
    desk->started_wall_ms = desk->loaded_wall_ms = loop_wall_ms(loop);
    list_init(&desk->passings);
    if (parts->lease)
        desk->relay = relay_open(loop, parts->lease, on_request, desk);
    desk->path = socket_path(&parts->session->config->agent);
    if (!desk->path)
        return desk;
    desk->control = control_open(loop, desk->path, on_request, desk, &error);
    if (desk->control)
        return desk;
    MEM_AUTO char *message = mem_print("nobody can ask this agent anything: %s", error.message);
    log_error("%s", message);
    (void)event_emit_agent(
        parts->schedule->bus, LOG_ERROR, "control_failed", message, loop_wall_ms(loop), NULL, NULL);
    return desk;
}

void desk_renew(struct desk *desk, const struct desk_parts *parts)
{
    desk->parts = *parts;
    desk->loaded_wall_ms = loop_wall_ms(parts->schedule->loop);
}

void desk_close(struct desk *desk)
{
    if (!desk)
        return;
    relay_close(desk->relay);
    desk_drop_passings(desk);
    control_close(desk->control);
    vouch_close(&desk->vouch);
    desk_spool_close(desk);
    while (!list_empty(&desk->reloads)) {
        struct reload *reload = list_first(&desk->reloads, struct reload, link);
        control_refuse(reload->call, NULL, "the agent ends");
        end_reload(reload);
    }
    free(desk->path);
    free(desk);
}
