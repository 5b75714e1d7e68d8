/*
 * tally - counts by word, and the rows of evidence that they make.
 *
 * Holds a fixed number of words; what comes when all places are taken is counted as "others".
 */
#ifndef STRIPE_TALLY_H
#define STRIPE_TALLY_H

#include <runbookd/probe.h>

enum { TALLY_MOST = 32, TALLY_WORD = 96, TALLY_ROWS = 20 };

struct tally {
    struct tally_place {
        char word[TALLY_WORD];
        int64_t count, of; /* of how many, where that is known */
    } places[TALLY_MOST];
    size_t used;
};

/* One more of `word` ("" counts as "unknown"), `hit` or not: `of` grows in any case. */
void tally_add(struct tally *tally, const char *word, bool hit);

/* Rows under construction, at most TALLY_ROWS of them. */
struct tally_rows {
    const char *cells[TALLY_ROWS * 3];
    char numbers[TALLY_ROWS * 2][24];
    struct probe_table table;
    struct probe_column columns_said[3];
};

/*
 * The field `key`: rows of the word (called `word`) and its `count`, largest first, without those
 * that have none; with `of` its count of all as well.
 */
struct probe_field tally_field(struct tally_rows *rows, struct tally *tally, const char *key,
                               const char *word, const char *of);

/* The word that was counted most, or NULL. */
const char *tally_first(struct tally *tally);

#endif
