#include "out/syslog_line.h"

#include <string.h>

enum { LONGEST_VALUE = 1024, LONGEST_HOSTNAME = 255, LONGEST_PROCID = 128, LONGEST_MSGID = 32 };

const char *const syslog_facilities[] = {
    "kern",   "user",     "mail",   "daemon", "auth",   "syslog", "lpr",   "news",   "uucp",
    "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock", "local0", "local1",
    "local2", "local3",   "local4", "local5", "local6", "local7", NULL};

static int severity_of(struct view line)
{
    static const struct {
        const char *member, *json;
        int severity;
    } words[] = {
        {"status", "\"critical\"", 2},
        {"status", "\"warning\"", 4},
        {"status", "\"unknown\"", 4},
        {"status", "\"ok\"", 6},
        {"level", "\"error\"", 3},
        {"level", "\"warn\"", 4},
        {"level", "\"info\"", 6},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (view_equals(view_member(line, words[i].member), words[i].json))
            return words[i].severity;
    return 7;
}

/* A field of the header: printable ASCII without spaces, or "-". */
static void add_field(struct text *out, struct view value, size_t longest)
{
    struct text TEXT_AUTO plain;
    text_init(&plain, longest);
    if (value.at && view_is_string(value))
        (void)view_add_text(value, &plain);
    text_add_char(out, ' ');
    for (size_t i = 0; i < plain.len; i++)
        text_add_char(out, plain.bytes[i] > ' ' && plain.bytes[i] < 127 ? plain.bytes[i] : '_');
    if (plain.len == 0)
        text_add_char(out, '-');
}

static void add_param(struct text *out, const char *name, struct view value)
{
    struct text TEXT_AUTO raw, plain;
    text_init(&raw, LONGEST_VALUE);
    text_init(&plain, 3 * LONGEST_VALUE);
    if (!value.at || view_equals(value, "null"))
        return;
    if (!view_is_string(value))
        text_add_n(&raw, value.at, value.len);
    else if (!view_add_text(value, &raw))
        return;
    text_add_plain(&plain, raw.bytes, raw.len);
    text_print(out, " %s=\"", name);
    for (const char *c = plain.bytes; *c; c++) {
        if (*c == '"' || *c == '\\' || *c == ']')
            text_add_char(out, '\\');
        text_add_char(out, *c);
    }
    text_add_char(out, '"');
}

static void add_data(struct text *out, struct view line, bool cut)
{
    static const char *const members[] = {
        "target", "name", "subject", "status", "reason", "id", "step", "silenced_by", "seq"};
    struct view agent = view_member(line, "agent");
    text_add(out, " [runbookd@32473");
    add_param(out, "realm", view_member(agent, "realm"));
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
        add_param(out, members[i], view_member(line, members[i]));
    if (cut)
        text_add(out, " cut=\"1\"");
    text_add(out, "] ");
}

/* "critical orders-db/connections[x]: 96 of 97 usable connections are used". */
static void add_sentence(struct text *out, struct view line)
{
    struct text TEXT_AUTO raw;
    struct view subject = view_member(line, "subject");
    text_init(&raw, out->max);
    if (view_is_string(view_member(line, "status"))) {
        (void)view_add_text(view_member(line, "status"), &raw);
        text_add_char(&raw, ' ');
        (void)view_add_text(view_member(line, "target"), &raw);
        text_add_char(&raw, '/');
        (void)view_add_text(view_member(line, "name"), &raw);
        if (subject.at && view_is_string(subject)) {
            text_add_char(&raw, '[');
            (void)view_add_text(subject, &raw);
            text_add_char(&raw, ']');
        }
        text_add(&raw, ": ");
    }
    (void)view_add_text(view_member(line, "message"), &raw);
    text_add_plain(out, raw.bytes, raw.len);
}

static void add_header(const struct syslog_wish *wish, struct view line, struct text *out)
{
    struct view agent = view_member(line, "agent"), time = view_member(line, "time");
    text_print(out, "<%d>1", wish->facility * 8 + severity_of(line));
    add_field(out, view_time(time) ? time : (struct view){0}, LONGEST_MSGID);
    add_field(out, view_member(agent, "node"), LONGEST_HOSTNAME);
    text_add(out, " runbookd");
    add_field(out, view_member(agent, "boot"), LONGEST_PROCID);
    add_field(out, view_member(line, "kind"), LONGEST_MSGID);
}

/* How much of an event a message holds; each is tried where the one before is too long. */
enum fit { WHOLE, WITHOUT_JSON, WITHOUT_DATA };

/* False: it does not fit, though it would be torn. */
static bool write_message(const struct syslog_wish *wish, struct view line, enum fit fit,
                          struct text *out)
{
    add_header(wish, line, out);
    if (fit == WITHOUT_DATA)
        text_add(out, " - ");
    else
        add_data(out, line, fit != WHOLE);
    if (out->cut)
        return false;
    if (fit == WHOLE && !wish->sentence)
        text_add_n(out, line.at, line.len);
    else
        add_sentence(out, line);
    return fit != WHOLE || !out->cut;
}

bool syslog_add(const struct syslog_wish *wish, struct view line, struct text *out)
{
    struct text TEXT_AUTO message;
    text_init(&message, wish->max);
    if (!view_is_object(line))
        return false;
    for (enum fit fit = WHOLE; !write_message(wish, line, fit, &message) && fit < WITHOUT_DATA;
         fit++)
        text_cut_to(&message, 0);
    text_add_n(out, message.bytes, message.len);
    return true;
}
