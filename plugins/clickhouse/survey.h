/*
 * survey - what one server has, and what we may see of it, found out and never guessed by version.
 *
 * A column, a function or a setting that a question can do without is asked for by name; what the
 * tables list only as far as a user may SHOW it is told from what is not there.  Kept for a while,
 * since both change: a server is upgraded, a right is granted.
 */
#ifndef CLICKHOUSE_SURVEY_H
#define CLICKHOUSE_SURVEY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/rows.h"

/* Tables of which a user sees only those rows whose things it may SHOW. */
enum survey_sight { SIGHT_ANY, SIGHT_TABLES, SIGHT_DICTIONARIES, SIGHT_COUNT };

enum survey_right { RIGHT_UNKNOWN, RIGHT_HELD, RIGHT_LACKING };

struct survey {
    char *question; /* made once, of all checks' templates */
    char *features; /* as template_facts has them; NULL: not asked yet */
    uint64_t asked_ms;
    enum survey_right rights[SIGHT_COUNT];
    long major;       /* of its version: 18, 26 */
    bool bare;        /* this user may change no setting, so none is sent */
    bool from_grants; /* the server does not know CHECK GRANT */
};

bool survey_open(struct survey *survey);
void survey_close(struct survey *survey);

/* Whether it must be asked first; and forgetting what is known. */
bool survey_is_due(const struct survey *survey, uint64_t now_ms);
void survey_forget(struct survey *survey);

/* Takes the answer to `question` over; false: out of memory. */
bool survey_take(struct survey *survey, const struct rows *rows, uint64_t now_ms);

/* The question whether a right is held, its answer, and the error that there is no such question. */
const char *survey_right_question(const struct survey *survey, enum survey_sight sight);
void survey_take_right(struct survey *survey, enum survey_sight sight, const struct rows *rows);
void survey_take_no_right(struct survey *survey, enum survey_sight sight);

/* Whether nothing can be said of such a table: nothing of it is seen, and no right to see it held. */
bool survey_is_blind(const struct survey *survey, enum survey_sight sight, size_t seen);

/* The right as a privilege: "SHOW TABLES ON *.*". */
const char *survey_privilege(enum survey_sight sight);

#endif
