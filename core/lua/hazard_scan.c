/*
 * hazard_scan - where texts stand: in a script's source, in what is handed to a script.
 *
 * Layer: lua.  Part of lua/hazard.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lua/hazard.h"

/* A source while it is gone through. */
struct scan {
    const char *path, *source;
    size_t len, at;
    struct problems *problems;
};

static struct place place_of(const struct scan *scan, size_t at)
{
    struct place place = {.file = scan->path, .line = 1, .column = 1};
    for (size_t i = 0; i < at && i < scan->len; i++) {
        place.column = scan->source[i] == '\n' ? 1 : place.column + 1;
        place.line += scan->source[i] == '\n';
    }
    return place;
}

/* The level of a long bracket "[==[" that opens here, or -1. */
static int long_bracket(const struct scan *scan, size_t at)
{
    size_t level = 0;
    if (at >= scan->len || scan->source[at] != '[')
        return -1;
    while (at + 1 + level < scan->len && scan->source[at + 1 + level] == '=')
        level++;
    return at + 1 + level < scan->len && scan->source[at + 1 + level] == '[' ? (int)level : -1;
}

/* Where the content ends that a long bracket of this level has opened at `from`. */
static size_t end_of_long(const struct scan *scan, size_t from, size_t level)
{
    for (size_t at = from; at + level + 1 < scan->len; at++) {
        size_t equals = 0;
        if (scan->source[at] != ']')
            continue;
        while (equals < level && scan->source[at + 1 + equals] == '=')
            equals++;
        if (equals == level && scan->source[at + 1 + level] == ']')
            return at;
    }
    return scan->len;
}

static void judge(const struct scan *scan, size_t from, size_t to)
{
    struct hazard hazard;
    if (!hazard_find(scan->source + from, to - from, &hazard) || hazard.statement)
        return;
    problem_hint(
        problem_warn(
            scan->problems, place_of(scan, from + hazard.at), NULL, "this text %s", hazard.what),
        "%s",
        hazard.hint);
}

static void take_long(struct scan *scan, int level, bool comment)
{
    size_t from = scan->at + (size_t)level + 2;
    size_t end = end_of_long(scan, from, (size_t)level);
    if (!comment)
        judge(scan, from, end);
    scan->at = end + (size_t)level + 2;
}

static void take_comment(struct scan *scan)
{
    scan->at += 2;
    int level = long_bracket(scan, scan->at);
    if (level >= 0)
        take_long(scan, level, true);
    else
        while (scan->at < scan->len && scan->source[scan->at] != '\n')
            scan->at++;
}

static void take_string(struct scan *scan)
{
    char quote = scan->source[scan->at++];
    size_t from = scan->at;
    while (scan->at < scan->len && scan->source[scan->at] != quote &&
           scan->source[scan->at] != '\n')
        scan->at += scan->source[scan->at] == '\\' ? 2 : 1;
    judge(scan, from, scan->at < scan->len ? scan->at : scan->len);
    scan->at++;
}

void hazard_in_script(const char *path, const char *source, size_t len, struct problems *problems)
{
    struct scan scan = {path, source, len, 0, problems};
    while (scan.at < len) {
        int level = long_bracket(&scan, scan.at);
        if (level >= 0)
            take_long(&scan, level, false);
        else if (source[scan.at] == '-' && scan.at + 1 < len && source[scan.at + 1] == '-')
            take_comment(&scan);
        else if (source[scan.at] == '"' || source[scan.at] == '\'')
            take_string(&scan);
        else
            scan.at++;
    }
}

/* ------------------------------------------------------------------ values ---- */

void hazard_in_values(const struct node *node, const char *path, struct problems *problems)
{
    struct hazard hazard;
    if (!node)
        return;
    if (node->kind == NODE_LIST || node->kind == NODE_MAP) {
        node_for_each(child, node) {
            MEM_AUTO char *own = mem_print("%s.%s", path, child->key ? child->key : "");
            hazard_in_values(child, child->key ? own : path, problems);
        }
        return;
    }
    if (node->kind != NODE_TEXT || !hazard_find(node->text, strlen(node->text), &hazard))
        return;
    struct problem *problem = hazard.certain
                                  ? problem_add(problems, node->place, path, "%s", hazard.what)
                                  : problem_warn(problems, node->place, path, "%s", hazard.what);
    problem_hint(problem, "%s", hazard.hint);
}
