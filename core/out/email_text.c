#include "out/email_text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "out/notice.h"

enum {
    LONGEST_MAIL = 4 << 20,
    LONGEST_SUBJECT = 150,
    LONGEST_QUOTED = 74, /* of a line of quoted-printable, before its "=" */
    WORD_BYTES = 39,     /* of an encoded word: 52 characters in base64 */
    STATES = 5
};

/* ----------------------------------------------------------------- encoding ---- */

static const char hex[] = "0123456789ABCDEF";

/* Each line of `text` as RFC 2045 has it. */
static void add_quoted(struct text *out, const struct text *text)
{
    size_t column = 0;
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->bytes[i];
        bool last = i + 1 == text->len || text->bytes[i + 1] == '\n';
        bool plain = (c > ' ' && c < 127 && c != '=') || (c == ' ' && !last);
        if (c == '\n') {
            text_add(out, "\r\n");
            column = 0;
            continue;
        }
        if (column + (plain ? 1 : 3) > LONGEST_QUOTED) {
            text_add(out, "=\r\n");
            column = 0;
        }
        if (plain) {
            text_add_char(out, (char)c);
        } else {
            const char coded[] = {'=', hex[c >> 4], hex[c & 15], '\0'};
            text_add(out, coded);
        }
        column += plain ? 1 : 3;
    }
}

static void add_base64(struct text *out, const unsigned char *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        unsigned b = i + 1 < len ? bytes[i + 1] : 0, c = i + 2 < len ? bytes[i + 2] : 0;
        unsigned all = (unsigned)bytes[i] << 16 | b << 8 | c;
        text_add_char(out, digits[all >> 18]);
        text_add_char(out, digits[all >> 12 & 63]);
        text_add_char(out, i + 1 < len ? digits[all >> 6 & 63] : '=');
        text_add_char(out, i + 2 < len ? digits[all & 63] : '=');
    }
}

static bool is_ascii(const struct text *text)
{
    for (size_t i = 0; i < text->len; i++)
        if ((unsigned char)text->bytes[i] > 126)
            return false;
    return true;
}

/* "Subject: ..."; what is not ASCII as encoded words of RFC 2047, whole characters each. */
static void add_subject(struct text *out, const struct text *subject)
{
    text_add(out, "Subject: ");
    if (is_ascii(subject)) {
        text_add_n(out, subject->bytes, subject->len);
        text_add(out, "\r\n");
        return;
    }
    for (size_t at = 0, len; at < subject->len; at += len) {
        size_t left = subject->len - at;
        len = text_whole(subject->bytes + at, left < WORD_BYTES ? left : WORD_BYTES);
        len = len ? len : 1;
        text_add(out, at ? "\r\n =?UTF-8?B?" : "=?UTF-8?B?");
        add_base64(out, (const unsigned char *)subject->bytes + at, len);
        text_add(out, "?=");
    }
    text_add(out, "\r\n");
}

/* ------------------------------------------------------------------ notices ---- */

/* The order in which they are told; a remediation's stand between. */
static const char *const states[STATES] = {"critical", "waiting", "unknown", "warning", "ok"};

static size_t rank_of(const struct notice *notice)
{
    for (size_t i = 0; i < STATES; i++)
        if (strcmp(states[i], notice->state.bytes) == 0)
            return i;
    return notice->call == NOTICE_CALLS ? 1 : STATES;
}

static bool is_said_again(struct view line)
{
    struct view reason = view_member(line, "reason");
    return view_equals(reason, "\"repeat\"") || view_equals(reason, "\"snapshot\"");
}

/* What is told, by rank: first it is counted, then the worst of it are written. */
struct letter {
    struct text parts[STATES + 1], titles[STATES + 1]; /* these for the subject */
    size_t counts[STATES + 1], told[STATES + 1], count;
    struct view first;
};

static void add_indented(struct text *out, const char *text)
{
    bool begins = true;
    for (; *text; text++) {
        if (begins && *text != '\n')
            text_add(out, "    ");
        begins = *text == '\n';
        text_add_char(out, *text);
    }
    text_add_char(out, '\n');
}

static void add_notice(struct text *out, const struct notice *notice)
{
    for (const char *c = notice->state.bytes; *c; c++)
        text_add_char(out, (char)toupper((unsigned char)*c));
    text_add(out, "  ");
    text_add_plain(out, notice->title.bytes, notice->title.len);
    text_add_char(out, '\n');
    if (notice->body.len)
        add_indented(out, notice->body.bytes);
    if (notice->command.len)
        text_print(out, "\n%s\n", notice->command.bytes);
    text_add_char(out, '\n');
}

static void add_title(struct text *titles, const struct notice *notice)
{
    const char *end = strstr(notice->title.bytes, ": ");
    size_t len =
        end && !notice->remediation ? (size_t)(end - notice->title.bytes) : notice->title.len;
    text_add(titles, titles->len ? ", " : "");
    text_add_plain(titles, notice->title.bytes, len);
}

static bool is_in_full(const struct letter *letter, size_t rank)
{
    size_t before = letter->told[rank];
    for (size_t i = 0; i < rank; i++)
        before += letter->counts[i];
    return before < EMAIL_MOST;
}

static void take(struct letter *letter, struct view line, const char *sink, bool counting)
{
    struct notice NOTICE_AUTO notice = {0};
    if (is_said_again(line) || !notice_make(line, sink, &notice))
        return;
    size_t rank = rank_of(&notice);
    if (counting) {
        if (letter->count++ == 0)
            letter->first = line;
        letter->counts[rank]++;
    } else if (is_in_full(letter, rank)) {
        add_notice(&letter->parts[rank], &notice);
        add_title(&letter->titles[rank], &notice);
        letter->told[rank]++;
    }
}

static void take_all(struct letter *letter, struct view lines, const char *sink, bool counting)
{
    struct view line;
    while (view_line(&lines, &line))
        take(letter, line, sink, counting);
}

/* -------------------------------------------------------------------- whole ---- */

static void write_subject(const struct letter *letter, const struct email_wish *wish,
                          struct text *out)
{
    struct view agent = view_member(letter->first, "agent");
    bool more = false;
    if (*wish->prefix) {
        text_add(out, wish->prefix);
    } else {
        text_add(out, "[runbookd ");
        (void)view_add_text(view_member(agent, "realm"), out);
        text_add_char(out, ']');
    }
    for (size_t i = 0; i < STATES; i++)
        if (letter->counts[i]) {
            text_print(out, "%s %zu %s", more ? "," : "", letter->counts[i], states[i]);
            more = true;
        }
    text_add(out, more ? ": " : " ");
    more = false;
    for (size_t i = 0; i <= STATES; i++)
        if (letter->titles[i].len) {
            text_print(out, "%s%s", more ? ", " : "", letter->titles[i].bytes);
            more = true;
        }
}

static void write_body(const struct letter *letter, struct text *out)
{
    struct view agent = view_member(letter->first, "agent");
    size_t left = letter->count;
    for (size_t i = 0; i <= STATES; i++) {
        text_add_n(out, letter->parts[i].bytes, letter->parts[i].len);
        left -= letter->told[i];
    }
    if (left)
        text_print(out, "and %zu more; all that is not ok:\n\nrunbookd findings\n\n", left);
    text_add(out, "-- \nrunbookd ");
    (void)view_add_text(view_member(agent, "version"), out);
    text_add(out, " on ");
    (void)view_add_text(view_member(agent, "node"), out);
    text_add(out, ", realm ");
    (void)view_add_text(view_member(agent, "realm"), out);
    text_add_char(out, '\n');
}

static void write_head(const struct letter *letter, const struct email_wish *wish, struct text *out)
{
    struct view agent = view_member(letter->first, "agent");
    time_t seconds = (time_t)(wish->wall_ms / 1000);
    struct text TEXT_AUTO subject, plain;
    char date[64];
    struct tm parts;
    text_init(&subject, LONGEST_SUBJECT);
    text_init(&plain, LONGEST_SUBJECT);
    write_subject(letter, wish, &subject);
    text_add_plain(&plain, subject.bytes, subject.len);
    (void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", gmtime_r(&seconds, &parts));
    text_print(out, "Date: %s\r\nFrom: %s\r\nTo: ", date, wish->from);
    for (size_t i = 0; wish->to[i]; i++)
        text_print(out, "%s%s", i ? ",\r\n " : "", wish->to[i]);
    text_add(out, "\r\n");
    add_subject(out, &plain);
    text_add(out, "Message-ID: <");
    (void)view_add_text(view_member(agent, "boot"), out);
    text_print(out,
               ".%lld.%zu.%s@runbookd>\r\n",
               (long long)view_int(view_member(letter->first, "seq"), 0),
               letter->count,
               wish->sink);
    text_add(out,
             "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
             "Content-Type: text/plain; charset=utf-8\r\n"
             "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
}

bool email_write(const struct email_wish *wish, struct view lines, struct text *out)
{
    struct letter letter = {0};
    struct text TEXT_AUTO body;
    text_init(&body, LONGEST_MAIL);
    for (size_t i = 0; i <= STATES; i++) {
        text_init(&letter.parts[i], LONGEST_MAIL);
        text_init(&letter.titles[i], LONGEST_SUBJECT);
    }
    take_all(&letter, lines, wish->sink, true);
    take_all(&letter, lines, wish->sink, false);
    if (letter.count) {
        write_head(&letter, wish, out);
        write_body(&letter, &body);
        add_quoted(out, &body);
    }
    for (size_t i = 0; i <= STATES; i++) {
        text_finish(&letter.parts[i]);
        text_finish(&letter.titles[i]);
    }
    return letter.count > 0;
}

bool email_address(const char *written, char **ret)
{
    const char *begin = strchr(written, '<'), *end = begin ? strchr(begin, '>') : NULL;
    for (const char *c = written; *c; c++)
        if (*c < ' ' || *c > 126 || *c == ',' || *c == ';')
            return false;
    if (begin && (!end || end[1]))
        return false;
    MEM_AUTO char *bare =
        begin ? mem_copy_n(begin + 1, (size_t)(end - begin) - 1) : mem_copy(written);
    const char *at = strchr(bare, '@');
    if (!at || at == bare || !at[1] || strpbrk(bare, " <>\"()"))
        return false;
    *ret = mem_copy(bare);
    return true;
}
