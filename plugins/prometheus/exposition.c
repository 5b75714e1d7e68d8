#include "exposition.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LABELS = 64 };

/* A sample line, taken apart in place. */
struct sample {
    char *name;
    struct label {
        char *name, *value;
    } labels[MOST_LABELS];
    size_t label_count;
    double value;
};

/* ---------------------------------------------------------------- lines ---- */

static char *skip(char *at)
{
    return at + strspn(at, " \t");
}

/* A quoted value: \\, \" and \n, unescaped where it stands.  NULL: not closed. */
static char *take_value(char *at, char **ret_value)
{
    char *to = at;
    *ret_value = at;
    for (; *at && *at != '"'; at++) {
        if (*at == '\\' && at[1]) {
            at++;
            *to++ = *at == 'n' ? '\n' : *at;
        } else {
            *to++ = *at;
        }
    }
    if (!*at)
        return NULL;
    *to = '\0';
    return at + 1;
}

/* {a="1",b="2"}; NULL: it is written wrong. */
static char *take_labels(char *at, struct sample *sample)
{
    for (at = skip(at + 1); *at != '}'; at = skip(at)) {
        struct label label;
        label.name = at;
        at += strcspn(at, "=");
        if (!*at)
            return NULL;
        *at++ = '\0';
        label.name[strcspn(label.name, " \t")] = '\0';
        at = skip(at);
        if (*at != '"' || !(at = take_value(at + 1, &label.value)))
            return NULL;
        if (sample->label_count < MOST_LABELS)
            sample->labels[sample->label_count++] = label;
        at = skip(at);
        if (*at == ',')
            at++;
        else if (*at != '}')
            return NULL;
    }
    return at + 1;
}

static bool read_sample(char *line, struct sample *sample)
{
    char *at = line + strcspn(line, "{ \t"), *end;
    bool labels = *at == '{';
    sample->name = line;
    sample->label_count = 0;
    if (!*at || at == line)
        return false;
    if (labels) {
        *at = '\0';
        at = take_labels(at, sample);
        if (!at)
            return false;
    } else {
        *at++ = '\0';
    }
    at = skip(at);
    sample->value = strtod(at, &end); /* also +Inf and NaN */
    return end != at && (*end == '\0' || *end == ' ' || *end == '\t');
}

static const char *value_of(const struct sample *sample, const char *name)
{
    for (size_t i = 0; i < sample->label_count; i++)
        if (strcmp(sample->labels[i].name, name) == 0)
            return sample->labels[i].value;
    return "";
}

/* --------------------------------------------------------------- groups ---- */

static void name_group(const struct sample *sample, const char *const *by,
                       char out[EXPOSITION_SUBJECT])
{
    size_t used = 0;
    out[0] = '\0';
    for (; by && *by && used < EXPOSITION_SUBJECT; by++)
        used += (size_t)snprintf(out + used,
                                 EXPOSITION_SUBJECT - used,
                                 "%s%s=%s",
                                 used ? "," : "",
                                 *by,
                                 value_of(sample, *by));
}

static struct exposition_group *find(const struct exposition *exposition, const char *subject,
                                     size_t page)
{
    for (size_t i = exposition->count; i-- > 0;)
        if (exposition->groups[i].page == page &&
            strcmp(exposition->groups[i].subject, subject) == 0)
            return &exposition->groups[i];
    return NULL;
}

static struct exposition_group *group_of(struct exposition *exposition, const char *subject,
                                         size_t page, enum exposition_kind kind)
{
    struct exposition_group *group = find(exposition, subject, page);
    if (group)
        return group;
    if (exposition->count == EXPOSITION_GROUPS) {
        exposition->excess++;
        return NULL;
    }
    exposition->groups =
        realloc(exposition->groups, (exposition->count + 1) * sizeof(*exposition->groups));
    if (!exposition->groups)
        abort();
    group = &exposition->groups[exposition->count++];
    *group = (struct exposition_group){.page = page, .kind = kind};
    (void)snprintf(group->subject, sizeof(group->subject), "%s", subject);
    return group;
}

static void add_bucket(struct exposition_group *group, double le, double count)
{
    size_t place = 0;
    while (place < group->bucket_count && group->buckets[place].le < le)
        place++;
    if (place < group->bucket_count && group->buckets[place].le == le) {
        group->buckets[place].count += count;
        return;
    }
    if (group->bucket_count == EXPOSITION_BUCKETS)
        return;
    group->buckets = realloc(group->buckets, (group->bucket_count + 1) * sizeof(*group->buckets));
    if (!group->buckets)
        abort();
    memmove(&group->buckets[place + 1],
            &group->buckets[place],
            (group->bucket_count - place) * sizeof(*group->buckets));
    group->buckets[place] = (struct exposition_bucket){le, count};
    group->bucket_count++;
}

/* What a name says beyond the metric: "" "_bucket" "_total" ...; NULL: another metric. */
static const char *suffix_of(const char *name, const char *metric)
{
    size_t len = strlen(metric);
    return strncmp(name, metric, len) == 0 ? name + len : NULL;
}

static bool matches(const struct sample *sample, const struct probe_pair *match)
{
    for (; match && match->name; match++)
        if (!match->value || strcmp(value_of(sample, match->name), match->value) != 0)
            return false;
    return true;
}

/* By its name, as the naming conventions have it, or by its TYPE line. */
static bool is_counter(const struct exposition_reader *reader, const char *suffix)
{
    const char *metric = reader->wish->metric;
    size_t len = strlen(metric);
    return reader->counter || strcmp(suffix, "_total") == 0 ||
           (len > 6 && strcmp(metric + len - 6, "_total") == 0);
}

static void add(struct exposition_reader *reader, const struct sample *sample)
{
    const char *suffix = suffix_of(sample->name, reader->wish->metric);
    bool bucket = suffix && strcmp(suffix, "_bucket") == 0;
    bool total = suffix && strcmp(suffix, "_total") == 0;
    enum exposition_kind kind = bucket                                 ? EXPOSITION_HISTOGRAM
                                : suffix && is_counter(reader, suffix) ? EXPOSITION_COUNTER
                                                                       : EXPOSITION_GAUGE;
    char subject[EXPOSITION_SUBJECT], *end;
    if (!suffix || (*suffix && !bucket && !total) || !matches(sample, reader->wish->match) ||
        isnan(sample->value))
        return;
    name_group(sample, reader->wish->by, subject);
    struct exposition_group *group = group_of(reader->into, subject, reader->page, kind);
    if (!group || group->kind != kind)
        return;
    group->series++;
    if (!bucket) {
        group->sum += sample->value;
        return;
    }
    double le = strtod(value_of(sample, "le"), &end);
    if (end == value_of(sample, "le") || isnan(le))
        return;
    add_bucket(group, le, sample->value);
    if (isinf(le))
        group->sum += sample->value;
}

/* ---------------------------------------------------------------- reading ---- */

/* Whether `name`, of a TYPE line, is what the metric's samples belong to: x of x_total, x_count. */
static bool is_family(const char *metric, const char *name, size_t len)
{
    static const char *const suffixes[] = {"", "_total", "_count", "_sum"};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++)
        if (strlen(metric) == len + strlen(suffixes[i]) && strncmp(metric, name, len) == 0 &&
            strcmp(metric + len, suffixes[i]) == 0)
            return true;
    return false;
}

/* # TYPE name counter: what is written of a histogram or a summary only grows as well. */
static void read_type(struct exposition_reader *reader, const char *line)
{
    const char *name = line + 7, *metric = reader->wish->metric;
    size_t len;
    if (strncmp(line, "# TYPE ", 7) != 0)
        return;
    len = strcspn(name, " ");
    if (strncmp(name, metric, strlen(metric)) == 0 &&
        strncmp(name + strlen(metric), "_total ", 7) == 0)
        reader->counter = true;
    else if (is_family(metric, name, len) && name[len])
        reader->counter = strncmp(name + len + 1, "counter", 7) == 0 ||
                          (strlen(metric) > len && strncmp(name + len + 1, "gauge", 5) != 0);
}

static void read_line(struct exposition_reader *reader)
{
    struct sample sample;
    char *line = reader->line;
    bool too_long = reader->too_long;
    line[reader->len] = '\0';
    if (reader->len > 0 && line[reader->len - 1] == '\r')
        line[reader->len - 1] = '\0';
    reader->len = 0;
    reader->too_long = false;
    if (reader->ended)
        return;
    if (too_long)
        reader->wrong++;
    else if (strcmp(line, "# EOF") == 0)
        reader->ended = true;
    else if (*line == '#')
        read_type(reader, line);
    else if (!*line || !suffix_of(line, reader->wish->metric))
        return;
    else if (read_sample(line, &sample))
        add(reader, &sample);
    else
        reader->wrong++;
}

void exposition_begin(struct exposition_reader *reader, const struct exposition_wish *wish,
                      struct exposition *into, size_t page)
{
    reader->wish = wish;
    reader->into = into;
    reader->page = page;
    reader->counter = reader->too_long = reader->ended = false;
    reader->wrong = 0;
    reader->len = 0;
}

void exposition_feed(struct exposition_reader *reader, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n')
            read_line(reader);
        else if (reader->len + 1 < sizeof(reader->line))
            reader->line[reader->len++] = bytes[i];
        else
            reader->too_long = true;
    }
}

void exposition_end(struct exposition_reader *reader)
{
    if (reader->len > 0)
        read_line(reader);
}

/* --------------------------------------------------------------- between ---- */

/* What a group grew by since the same page's; a value that fell began again at zero. */
static double grown(double before, double now)
{
    return now >= before ? now - before : now;
}

double exposition_growth(const struct exposition *before, const struct exposition *now,
                         const char *subject)
{
    double sum = 0;
    for (size_t i = 0; i < now->count; i++) {
        const struct exposition_group *group = &now->groups[i], *old;
        if (strcmp(group->subject, subject) != 0)
            continue;
        old = find(before, subject, group->page);
        sum += old ? grown(old->sum, group->sum) : 0; /* of a new one nobody knows since when */
    }
    return sum;
}

/* The count of a bound in another look at the same group; zero where there is none. */
static double count_at(const struct exposition_group *group, double le)
{
    for (size_t i = 0; i < group->bucket_count; i++)
        if (group->buckets[i].le == le)
            return group->buckets[i].count;
    return 0;
}

/* Adds what came into each bucket of one page to `sum`. */
static void add_growth(struct exposition_group *sum, const struct exposition_group *old,
                       const struct exposition_group *group)
{
    bool reset = old->sum > group->sum;
    for (size_t i = 0; i < group->bucket_count; i++) {
        double le = group->buckets[i].le, count = group->buckets[i].count;
        double came = reset ? count : count - count_at(old, le);
        add_bucket(sum, le, came > 0 ? came : 0);
    }
}

static double rank_in(const struct exposition_bucket *buckets, size_t count, double quantile)
{
    double all = buckets[count - 1].count, rank = quantile * all;
    size_t place = 0;
    while (place + 1 < count && buckets[place].count < rank)
        place++;
    if (place + 1 == count && isinf(buckets[place].le))
        return count > 1 ? buckets[count - 2].le : NAN;
    double low = place > 0 ? buckets[place - 1].le : buckets[0].le > 0 ? 0 : buckets[0].le;
    double below = place > 0 ? buckets[place - 1].count : 0;
    double within = buckets[place].count - below;
    return within > 0 ? low + (buckets[place].le - low) * (rank - below) / within
                      : buckets[place].le;
}

double exposition_quantile(const struct exposition *before, const struct exposition *now,
                           const char *subject, double quantile)
{
    struct exposition_group sum = {0};
    double value = NAN;
    for (size_t i = 0; i < now->count; i++) {
        const struct exposition_group *group = &now->groups[i], *old;
        if (group->kind != EXPOSITION_HISTOGRAM || strcmp(group->subject, subject) != 0)
            continue;
        old = find(before, subject, group->page);
        if (old)
            add_growth(&sum, old, group);
    }
    if (sum.bucket_count > 0 && sum.buckets[sum.bucket_count - 1].count > 0)
        value = rank_in(sum.buckets, sum.bucket_count, quantile);
    free(sum.buckets);
    return value;
}

void exposition_drop(struct exposition *exposition, size_t page)
{
    size_t kept = 0;
    for (size_t i = 0; i < exposition->count; i++) {
        if (exposition->groups[i].page == page)
            free(exposition->groups[i].buckets);
        else
            exposition->groups[kept++] = exposition->groups[i];
    }
    exposition->count = kept;
}

void exposition_finish(struct exposition *exposition)
{
    for (size_t i = 0; i < exposition->count; i++)
        free(exposition->groups[i].buckets);
    free(exposition->groups);
    *exposition = (struct exposition){0};
}
