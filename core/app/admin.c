#include "app/admin.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "io/loop.h"
#include "io/serve.h"
#include "probe/event.h"

enum { TRY_AGAIN_MS = 10000, PAGE_LASTS_US = 1000000, PAGE_BYTES = 64 << 20 };

struct admin {
    const struct metrics_source *source;
    struct serve *serve; /* NULL: nowhere, or not yet */
    char *listen;
    struct timer again;
    bool failed; /* which was said */
    struct page_kept {
        struct serve_page *page;
        uint64_t made_us;
    } kept[2]; /* /metrics in either format */
};

/* --------------------------------------------------------------- pages ---- */

static void forget_pages(struct admin *admin)
{
    for (size_t i = 0; i < COUNT_OF(admin->kept); i++) {
        serve_page_release(admin->kept[i].page);
        admin->kept[i].page = NULL;
    }
}

static struct serve_page *metrics_page(struct admin *admin, bool open)
{
    struct page_kept *kept = &admin->kept[open];
    uint64_t now_us = loop_now_us(admin->source->schedule->loop);
    struct text text;
    if (kept->page && now_us - kept->made_us < PAGE_LASTS_US)
        return serve_page_hold(kept->page);
    serve_page_release(kept->page);
    kept->made_us = now_us;
    text_init(&text, PAGE_BYTES);
    if (metrics_write(admin->source, &(struct exposition){.text = &text, .open = open})) {
        size_t len = text.len;
        kept->page = serve_page_create(200, exposition_type(open), text_take(&text), len);
    } else {
        kept->page = serve_page_of(503, "text/plain", "there is more than a page can hold\n");
    }
    text_finish(&text);
    return serve_page_hold(kept->page);
}

static struct serve_page *ready_page(const struct admin *admin)
{
    const struct session *session = admin->source->session;
    enum config_role role = session->config->agent.role;
    const char *state = upkeep_word(admin->source->upkeep);
    bool lacks_state = session->config->agent.state && strcmp(state, "kept") != 0;
    bool ready = !session->without && !lacks_state;
    bool never_hurts = role == ROLE_SIDECAR || role == ROLE_NODE;
    struct text TEXT_AUTO text;
    struct writer writer;
    text_init(&text, 512);
    writer_init(&writer, &text);
    writer_object(&writer, NULL);
    writer_bool(&writer, "ready", ready);
    writer_string(&writer,
                  "configuration",
                  session->without  ? "none"
                  : session->errors ? "last_good"
                                    : "in_force");
    writer_string(&writer, "state", state);
    writer_end(&writer);
    text_add_char(&text, '\n');
    return serve_page_of(ready || never_hurts ? 200 : 503, "application/json", text.bytes);
}

static struct serve_page *on_question(const struct serve_question *question, void *data)
{
    struct admin *admin = data;
    if (strcmp(question->path, "/metrics") == 0)
        return metrics_page(admin, exposition_wanted_open(question->accept));
    if (strcmp(question->path, "/healthz") == 0)
        return serve_page_of(200, "text/plain", "ok\n");
    if (strcmp(question->path, "/readyz") == 0)
        return ready_page(admin);
    if (strcmp(question->path, "/") == 0)
        return serve_page_of(200, "text/plain", "/metrics\n/healthz\n/readyz\n");
    return NULL;
}

/* ----------------------------------------------------------- listening ---- */

static void say_failed(const struct admin *admin, const struct error *error)
{
    const struct schedule *schedule = admin->source->schedule;
    char message[640];
    (void)snprintf(message,
                   sizeof(message),
                   "nobody can read /metrics, /healthz and /readyz: %s; it is tried again",
                   error->message);
    log_error("%s", message);
    (void)event_emit_agent(schedule->bus,
                           LOG_WARN,
                           "admin_unavailable",
                           message,
                           loop_wall_ms(schedule->loop),
                           NULL,
                           NULL);
}

static void begin(void *data)
{
    struct admin *admin = data;
    struct loop *loop = admin->source->schedule->loop;
    struct error error;
    admin->serve = serve_open(loop, admin->listen, on_question, admin, &error);
    if (admin->serve) {
        log_info("/metrics, /healthz and /readyz are at http://%s", admin->listen);
        admin->failed = false;
        return;
    }
    if (!admin->failed)
        say_failed(admin, &error);
    admin->failed = true;
    timer_start(&admin->again, loop, TRY_AGAIN_MS, begin, admin);
}

static void end(struct admin *admin)
{
    timer_stop(&admin->again);
    serve_close(admin->serve);
    forget_pages(admin);
    admin->serve = NULL;
    free(admin->listen);
    admin->listen = NULL;
    admin->failed = false;
}

void admin_renew(struct admin *admin)
{
    const struct config_admin *wish = &admin->source->session->config->agent.admin;
    forget_pages(admin);
    if (admin->listen && wish->listen && strcmp(admin->listen, wish->listen) == 0)
        return;
    end(admin);
    if (!wish->listen)
        return;
    admin->listen = mem_copy(wish->listen);
    begin(admin);
}

struct admin *admin_open(const struct metrics_source *source)
{
    struct admin *admin = mem_new(sizeof(*admin));
    admin->source = source;
    admin_renew(admin);
    return admin;
}

void admin_close(struct admin *admin)
{
    if (!admin)
        return;
    end(admin);
    free(admin);
}
