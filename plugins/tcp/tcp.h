/*
 * tcp - what the plugin's own files share: the options and the check.
 */
#ifndef TCP_TCP_H
#define TCP_TCP_H

#include <regex.h>
#include <runbookd/probe.h>

struct tcp_config {
    const struct probe_url *url;
    const struct probe_tls *tls;
};

/* Whether the URL names a socket's file, as unix:///run/app.sock does. */
bool tcp_is_local(const struct probe_url *url);

/* Whether TLS begins at once, as with tcp+tls://. */
bool tcp_is_safe(const struct probe_url *url);

/* ---- connect.c ---- */

struct connect_config {
    const char *send, *expect; /* NULL: nothing */
    const char *ip, *addresses;
    int64_t max_answer;
};

struct connect_memory {
    regex_t expect;
    bool compiled;
};

struct attempt;
struct connect_run {
    struct attempt *attempts;
    size_t count, over;
};

extern const char *const connect_ips[], *const connect_addresses[];

int connect_prepare(const void *config, void *memory, struct probe_error *error);
void connect_forget(void *memory);
void connect_run(struct probe_target *self, struct probe_run *run);
void connect_ended(struct probe_target *self, struct probe_run *run);

#endif
