/*
 * capture - values that one step of a synthetic check takes out of an answer, for the next ones:
 * a token, a cookie, an id.
 *
 * They are secrets that the agent does not know of: capture_scrub() takes them out of whatever is
 * shown.  Pure.
 */
#ifndef HTTP_CAPTURE_H
#define HTTP_CAPTURE_H

#include <runbookd/probe.h>

enum { CAPTURE_MOST = 16 };

struct captures {
    struct capture {
        const char *name; /* borrowed from the configuration */
        char *value;
    } of[CAPTURE_MOST];
    size_t count;
};

/* Whether `from` names something: json.PATH, header.NAME, cookie.NAME. */
bool capture_is(const char *from);

/* Takes it; false where the answer has no such thing.  One of the same name is replaced. */
bool capture_take(struct captures *captures, const char *name, const char *from,
                  const struct probe_response *response);

/* How ${captured:NAME} is written where it is put in. */
enum capture_for { CAPTURE_FOR_HEADER, CAPTURE_FOR_PATH, CAPTURE_FOR_JSON };

/*
 * The text with every ${captured:NAME} in place, to be freed.  NULL where one was not captured;
 * `*ret_missing` is then what it is called, to be freed.
 */
char *capture_put(const struct captures *captures, const char *text, enum capture_for what,
                  char **ret_missing);

/* Calls `each` with every NAME that a text asks for, until one is refused. */
bool capture_each(const char *text, bool (*each)(const char *name, size_t len, void *data),
                  void *data);

/* Takes all of them out of a text. */
void capture_scrub(const struct captures *captures, char *text);

/* Seconds that the first JSON Web Token among them still lives (RFC 7519, exp); -1: there is none. */
double capture_token_seconds(const struct captures *captures, int64_t now_ms);

void capture_finish(struct captures *captures);

#endif
