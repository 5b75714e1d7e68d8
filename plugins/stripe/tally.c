#include "tally.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct tally_place *place_of(struct tally *tally, const char *word)
{
    for (size_t i = 0; i < tally->used; i++)
        if (strncmp(tally->places[i].word, word, TALLY_WORD - 1) == 0)
            return &tally->places[i];
    if (tally->used + 1 >= TALLY_MOST && strcmp(word, "others") != 0)
        return place_of(tally, "others");
    struct tally_place *place = &tally->places[tally->used++];
    (void)snprintf(place->word, sizeof(place->word), "%s", word);
    return place;
}

void tally_add(struct tally *tally, const char *word, bool hit)
{
    struct tally_place *place = place_of(tally, *word ? word : "unknown");
    place->count += hit;
    place->of++;
}

static int compare(const void *a, const void *b)
{
    const struct tally_place *one = a, *other = b;
    if (one->count != other->count)
        return one->count < other->count ? 1 : -1;
    return strcmp(one->word, other->word);
}

static void sort(struct tally *tally)
{
    qsort(tally->places, tally->used, sizeof(*tally->places), compare);
}

const char *tally_first(struct tally *tally)
{
    sort(tally);
    return tally->used && tally->places[0].count ? tally->places[0].word : NULL;
}

static const char *number(struct tally_rows *rows, size_t at, int64_t value)
{
    (void)snprintf(rows->numbers[at], sizeof(rows->numbers[at]), "%" PRId64, value);
    return rows->numbers[at];
}

struct probe_field tally_field(struct tally_rows *rows, struct tally *tally, const char *key,
                               const char *word, const char *of)
{
    size_t columns = of ? 3 : 2, count = 0, total = 0;
    rows->columns_said[0] = (struct probe_column){word, PROBE_FIELD_TEXT};
    rows->columns_said[1] = (struct probe_column){"count", PROBE_FIELD_INT};
    rows->columns_said[2] = (struct probe_column){of, PROBE_FIELD_INT};
    sort(tally);
    for (size_t i = 0; i < tally->used; i++) {
        const struct tally_place *place = &tally->places[i];
        if (place->count == 0)
            continue;
        total++;
        if (count == TALLY_ROWS)
            continue;
        rows->cells[count * columns] = place->word;
        rows->cells[count * columns + 1] = number(rows, 2 * count, place->count);
        if (of)
            rows->cells[count * columns + 2] = number(rows, 2 * count + 1, place->of);
        count++;
    }
    rows->table = (struct probe_table){.columns = rows->columns_said,
                                       .column_count = columns,
                                       .cells = rows->cells,
                                       .row_count = count,
                                       .total = (int64_t)total};
    return probe_rows(key, &rows->table);
}
