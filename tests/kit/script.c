#include "script.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"

enum { FLOOD_PIECE = 16384, MOST_SHOWN = 200, MOST_HEARD = 64 << 20 };

void script_init(struct script *script, const struct kit_move *moves)
{
    *script = (struct script){.moves = moves};
    text_init(&script->heard, MOST_HEARD);
    text_init(&script->said, 4096);
}

void script_finish(struct script *script)
{
    text_finish(&script->heard);
    text_finish(&script->said);
}

void script_hear(struct script *script, const void *bytes, size_t len)
{
    text_add_n(&script->heard, bytes, len);
}

static void forget(struct script *script, size_t len)
{
    struct text *heard = &script->heard;
    size_t left = heard->len - len;
    if (len == 0)
        return;
    memmove(heard->bytes, heard->bytes + len, left);
    text_cut_to(heard, left);
}

static void show(struct text *text, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len && i < MOST_SHOWN; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '\r')
            text_add(text, "\\r");
        else if (c == '\n')
            text_add(text, "\\n");
        else if (isprint(c))
            text_add_char(text, (char)c);
        else
            text_print(text, "\\x%02x", c);
    }
    if (len > MOST_SHOWN)
        text_print(text, "... (%zu bytes)", len);
}

static struct script_step wrong(struct script *script, const struct kit_move *due)
{
    text_add(&script->said, "wrote \"");
    show(&script->said, script->heard.bytes, script->heard.len);
    if (due->kind) {
        text_add(&script->said, "\" where \"");
        show(&script->said, due->bytes, due->len);
        text_add(&script->said, "\" was due");
    } else {
        text_add(&script->said, "\" after the last move");
    }
    return (struct script_step){.act = SCRIPT_WRONG};
}

bool script_secured(struct script *script)
{
    bool due = script->moves[script->at].kind == KIT_MOVE_SECURE;
    script->at += due;
    return due;
}

static struct script_step expect(struct script *script, const struct kit_move *move)
{
    struct text *heard = &script->heard;
    size_t len = heard->len < move->len ? heard->len : move->len;
    if (memcmp(heard->bytes, move->bytes, len) != 0)
        return wrong(script, move);
    if (len < move->len)
        return (struct script_step){.act = SCRIPT_WAIT};
    forget(script, len);
    script->at++;
    return script_next(script);
}

static struct script_step until(struct script *script, const struct kit_move *move)
{
    char *end = memmem(script->heard.bytes, script->heard.len, move->bytes, move->len);
    if (!end)
        return (struct script_step){.act = SCRIPT_WAIT};
    forget(script, (size_t)(end - script->heard.bytes) + move->len);
    script->at++;
    return script_next(script);
}

static struct script_step drip(struct script *script, const struct kit_move *move)
{
    const char *byte = move->bytes + script->dripped++;
    if (script->dripped == move->len) {
        script->dripped = 0;
        script->at++;
    }
    return (struct script_step){.act = SCRIPT_SEND, .bytes = byte, .len = 1};
}

/* Before the connection stands only these matter: it opens unless one of them says otherwise. */
static struct script_step open_up(struct script *script, const struct kit_move *move)
{
    switch (move->kind) {
    case KIT_MOVE_HANG:
        return (struct script_step){.act = SCRIPT_WAIT};
    case KIT_MOVE_PAUSE:
        script->at++;
        return (struct script_step){.act = SCRIPT_PAUSE, .ms = move->ms};
    case KIT_MOVE_PEER:
        script->at++;
        return (struct script_step){.act = SCRIPT_PEER, .peer = move->peer};
    case KIT_MOVE_REFUSE:
        return (struct script_step){
            SCRIPT_FAIL, move->bytes, 0, 0, move->status, move->stage, NULL};
    default:
        script->opened = true;
        return (struct script_step){.act = SCRIPT_OPEN};
    }
}

struct script_step script_next(struct script *script)
{
    const struct kit_move *move = &script->moves[script->at];
    if (!script->opened)
        return open_up(script, move);
    switch (move->kind) {
    case KIT_MOVE_EXPECT:
        return expect(script, move);
    case KIT_MOVE_UNTIL:
        return until(script, move);
    case KIT_MOVE_SEND:
        script->at++;
        return (struct script_step){.act = SCRIPT_SEND, .bytes = move->bytes, .len = move->len};
    case KIT_MOVE_DRIP:
        return drip(script, move);
    case KIT_MOVE_FLOOD:
        return (struct script_step){.act = SCRIPT_SEND, .bytes = move->bytes, .len = move->len};
    case KIT_MOVE_PAUSE:
        script->at++;
        return (struct script_step){.act = SCRIPT_PAUSE, .ms = move->ms};
    case KIT_MOVE_PEER:
        script->at++;
        return (struct script_step){.act = SCRIPT_PEER, .peer = move->peer};
    case KIT_MOVE_CLOSE:
        return (struct script_step){.act = SCRIPT_CLOSE};
    case KIT_MOVE_BREAK:
    case KIT_MOVE_REFUSE:
        return (struct script_step){.act = SCRIPT_FAIL,
                                    .bytes = move->bytes,
                                    .status = move->status,
                                    .stage = move->stage ? move->stage : PROBE_RECEIVING};
    case KIT_MOVE_MUTE:
        forget(script, script->heard.len);
        break;
    case KIT_MOVE_SECURE:
    case KIT_MOVE_HANG:
        break;
    default: /* the end */
        if (script->heard.len > 0)
            return wrong(script, move);
    }
    return (struct script_step){.act = move->kind == KIT_MOVE_SECURE ? SCRIPT_SECURE : SCRIPT_WAIT};
}

static size_t len_of(const struct kit_move *move)
{
    return move->len || !move->bytes ? move->len : strlen(move->bytes);
}

/* A flood comes in large pieces: its text is repeated. */
static size_t room_of(const struct kit_move *move)
{
    size_t len = len_of(move);
    return move->kind == KIT_MOVE_FLOOD && len ? len * (FLOOD_PIECE / len + 1) : len;
}

struct kit_move *script_copy(const struct kit_move *moves)
{
    size_t count = 1, bytes = 0;
    for (const struct kit_move *move = moves; move->kind; move++, count++)
        bytes += room_of(move) + 1;
    struct kit_move *copy = mem_new(count * sizeof(*copy) + bytes);
    char *at = (char *)(copy + count);
    memcpy(copy, moves, count * sizeof(*copy));
    for (struct kit_move *move = copy; move->kind; move++) {
        size_t len = len_of(move), room = room_of(move);
        if (!move->bytes)
            continue;
        for (size_t i = 0; i < room; i += len)
            memcpy(at + i, move->bytes, len);
        move->bytes = at;
        move->len = room;
        at += room + 1;
    }
    return copy;
}
