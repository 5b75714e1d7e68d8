#include "probe/finding.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/redact.h"

/* ----------------------------------------------------------------- texts ---- */

/* A subject is an identity: what is cut off lives on as a hash. */
static char *copy_subject(const char *subject)
{
    enum { HASH_LEN = 9 };
    if (!subject || strlen(subject) <= FINDING_SUBJECT_LEN)
        return redact_copy(subject, FINDING_SUBJECT_LEN);
    uint32_t hash = 2166136261u;
    for (const char *c = subject; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u; /* FNV-1a */
    MEM_AUTO char *head = redact_copy(subject, FINDING_SUBJECT_LEN - HASH_LEN);
    return mem_print("%s~%08" PRIx32, head, hash);
}

/* A sentence for people; NULL: there is none. */
static char *copy_sentence(const char *sentence, size_t max)
{
    return sentence && *sentence ? redact_copy(sentence, max) : NULL;
}

/* Keeps the first thing that the plugin got wrong; the others are most likely of the same kind. */
__attribute__((format(printf, 2, 3))) static void note(struct finding *finding, const char *fmt,
                                                       ...)
{
    char text[512];
    va_list args;
    if (finding->note)
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    finding->note = redact_copy(text, sizeof(text));
}

/* -------------------------------------------------------------- measures ---- */

static bool says_word(const struct measure_slot *slot, const char *word)
{
    if (!slot->words)
        return true;
    for (const char *const *known = slot->words; *known; known++)
        if (strcmp(*known, word) == 0)
            return true;
    return false;
}

/* The field as a value of the slot; false: it is of another kind. */
static bool value_of(struct finding *finding, const struct measure_slot *slot,
                     const struct probe_field *field, struct value *ret_value)
{
    bool number = slot->kind == PROBE_GAUGE || slot->kind == PROBE_COUNTER;
    *ret_value = (struct value){.kind = VALUE_ABSENT};
    if (number && field->kind == PROBE_FIELD_INT) {
        *ret_value = (struct value){VALUE_INTEGER, {.integer = field->value.integer}};
    } else if (number && field->kind == PROBE_FIELD_REAL) {
        if (isfinite(field->value.real)) /* what cannot be told is absent */
            *ret_value = (struct value){VALUE_REAL, {.real = field->value.real}};
    } else if (slot->kind == PROBE_FLAG && field->kind == PROBE_FIELD_BOOL) {
        *ret_value = (struct value){VALUE_FLAG, {.flag = field->value.boolean}};
    } else if (slot->kind == PROBE_WORD && field->kind == PROBE_FIELD_TEXT) {
        if (!field->value.text)
            return true;
        if (!says_word(slot, field->value.text))
            note(finding, "%s said a word that it does not declare", slot->name);
        ret_value->is.word = redact_copy(field->value.text, FINDING_WORD_LEN);
        ret_value->kind = VALUE_WORD;
    } else {
        return false;
    }
    return true;
}

/* Whether the field is a measure and was taken as one. */
static bool take_measure(struct finding *finding, const struct probe_field *field)
{
    int at = finding->measures ? measures_find(finding->measures, field->key) : -1;
    struct value value;
    if (at < 0 || (size_t)at >= finding->measures->declared)
        return false;
    if (finding->values[at].kind != VALUE_ABSENT) {
        note(finding, "%s was reported twice", field->key);
        return true;
    }
    if (!value_of(finding, &finding->measures->slots[at], field, &value)) {
        note(finding, "%s is not of the kind that was declared: kept as evidence", field->key);
        return false;
    }
    finding->values[at] = value;
    return true;
}

/* -------------------------------------------------------------- evidence ---- */

/* How many elements there are until one's name, its first member, is NULL. */
static size_t count_of(const void *first, size_t size)
{
    size_t count = 0;
    while (*(const char *const *)(const void *)((const char *)first + count * size))
        count++;
    return count;
}

static bool has_evidence(const struct finding *finding, const char *key)
{
    for (size_t i = 0; i < finding->evidence_count; i++)
        if (strcmp(finding->evidence[i].key, key) == 0)
            return true;
    return false;
}

static void take_evidence(struct finding *finding, const struct probe_field *field,
                          size_t column_size, size_t *room)
{
    struct evidence piece;
    const char *wrong = NULL;
    bool taken = evidence_take(&piece, field, column_size, *room, &wrong);
    if (wrong)
        note(finding, "%s: %s", field->key, wrong);
    if (!taken) {
        finding->evidence_lost++;
        return;
    }
    if (has_evidence(finding, piece.key)) {
        note(finding, "%s was reported twice", field->key);
        evidence_finish(&piece);
        return;
    }
    *room -= piece.json_len;
    finding->evidence[finding->evidence_count++] = piece;
}

static void take_fields(struct finding *finding, const struct probe_field *fields,
                        const struct probe_sizes *sizes)
{
    size_t room = EVIDENCE_LEN, count = count_of(fields, sizes->field);
    if (count > FINDING_FIELDS) {
        note(finding, "it has more than %d fields", (int)FINDING_FIELDS);
        finding->evidence_lost += (int64_t)(count - FINDING_FIELDS);
        count = FINDING_FIELDS;
    }
    finding->evidence = mem_array(count, sizeof(*finding->evidence));
    for (size_t i = 0; i < count; i++) {
        const struct probe_field *field = (const void *)((const char *)fields + i * sizes->field);
        if (!take_measure(finding, field))
            take_evidence(finding, field, sizes->column, &room);
    }
}

/* ---------------------------------------------------------------- labels ---- */

static void take_labels(struct finding *finding, const struct probe_pair *pairs, size_t pair_size)
{
    size_t count = count_of(pairs, pair_size), taken = 0;
    if (count > FINDING_LABELS) {
        note(finding, "it has more than %d labels", (int)FINDING_LABELS);
        count = FINDING_LABELS;
    }
    finding->labels = mem_array(2 * count + 1, sizeof(*finding->labels));
    for (size_t i = 0; i < count; i++) {
        const struct probe_pair *pair = (const void *)((const char *)pairs + i * pair_size);
        if (!pair->value)
            continue;
        finding->labels[taken++] = redact_copy(pair->name, FINDING_WORD_LEN);
        finding->labels[taken++] = redact_copy(pair->value, FINDING_WORD_LEN);
    }
}

/* ----------------------------------------------------------------- whole ---- */

static struct finding *begin(enum probe_status status, const struct measures *measures)
{
    struct finding *finding = mem_new(sizeof(*finding));
    list_init(&finding->link);
    finding->status = status;
    finding->measures = measures;
    finding->values = values_create(measures ? measures->count : 0);
    return finding;
}

struct finding *finding_create(const struct probe_finding *reported,
                               const struct measures *measures, const struct probe_sizes *sizes)
{
    struct probe_finding own = {0};
    memcpy(&own, reported, reported->size < sizeof(own) ? reported->size : sizeof(own));
    struct finding *finding = begin(own.status, measures);
    if (own.status > PROBE_UNKNOWN) {
        note(finding, "it reported a status that does not exist");
        finding->status = PROBE_UNKNOWN;
    }
    finding->subject = copy_subject(own.subject);
    finding->summary = copy_sentence(own.summary, FINDING_SUMMARY_LEN);
    finding->hint = copy_sentence(own.hint, FINDING_HINT_LEN);
    if (!finding->summary) {
        finding->summary = mem_copy("no summary was given");
        note(finding, "a finding has no summary");
    }
    if (own.fields)
        take_fields(finding, own.fields, sizes);
    if (own.labels)
        take_labels(finding, own.labels, sizes->pair);
    return finding;
}

const char *finding_class(int status)
{
    switch (-status) {
    case ECONNREFUSED:
        return "refused";
    case ETIMEDOUT:
        return "timeout";
    case ECONNRESET:
    case EPIPE:
        return "reset";
    case EHOSTUNREACH:
    case ENETUNREACH:
        return "unreachable";
    case EACCES:
    case EPERM:
        return "permission";
    case EPROTO:
        return "protocol";
    case EMSGSIZE:
        return "too_large";
    default:
        return "failed";
    }
}

struct finding *finding_of_ending(const struct probe_ending *ending, enum probe_status status,
                                  const struct measures *measures)
{
    struct finding *finding = begin(status, measures);
    int slot = measures ? measures_find(measures, "error_class") : -1;
    finding->summary = copy_sentence(ending->summary, FINDING_SUMMARY_LEN);
    finding->hint = copy_sentence(ending->hint, FINDING_HINT_LEN);
    finding->error_class = redact_copy(
        ending->reason ? ending->reason : finding_class(ending->status), FINDING_WORD_LEN);
    if (!finding->summary)
        finding->summary =
            mem_print("could not be examined: %s",
                      ending->status ? strerror(-ending->status) : finding->error_class);
    if (slot >= 0 && measures->slots[slot].kind == PROBE_WORD)
        finding->values[slot] =
            (struct value){VALUE_WORD, {.word = mem_copy(finding->error_class)}};
    return finding;
}

void finding_drop_evidence(struct finding *finding)
{
    for (size_t i = 0; i < finding->evidence_count; i++) {
        const struct evidence *piece = &finding->evidence[i];
        finding->evidence_lost += piece->row_ends ? piece->row_total : 1;
        evidence_finish(&finding->evidence[i]);
    }
    free(finding->evidence);
    finding->evidence = NULL;
    finding->evidence_count = 0;
}

struct finding *finding_of_elsewhere(const struct probe_ending *ending,
                                     const struct measures *measures)
{
    struct finding *finding = begin(PROBE_OK, measures);
    char *why = copy_sentence(ending->summary, FINDING_SUMMARY_LEN);
    finding->summary = mem_print("does not apply here%s%s", why ? ": " : "", why ? why : "");
    finding->elsewhere = true;
    free(why);
    return finding;
}

void finding_destroy(struct finding *finding)
{
    if (!finding)
        return;
    free(finding->subject);
    free(finding->summary);
    free(finding->hint);
    values_destroy(finding->values, finding->measures ? finding->measures->count : 0);
    finding_drop_evidence(finding);
    for (char **label = finding->labels; label && *label; label++)
        free(*label);
    free(finding->labels);
    free(finding->error_class);
    free(finding->note);
    free(finding);
}

/* --------------------------------------------------------------- writing ---- */

static void write_values(const struct finding *finding, struct writer *writer, bool words)
{
    size_t count = finding->measures ? finding->measures->count : 0;
    for (size_t i = 0; i < count; i++) {
        const struct value *value = &finding->values[i];
        const char *name = finding->measures->slots[i].name;
        if ((value->kind == VALUE_WORD) != words)
            continue;
        if (value->kind == VALUE_INTEGER)
            writer_int(writer, name, value->is.integer);
        else if (value->kind == VALUE_REAL)
            writer_real(writer, name, value->is.real);
        else if (value->kind == VALUE_FLAG)
            writer_int(writer, name, value->is.flag);
        else if (value->kind == VALUE_WORD)
            writer_string(writer, name, value->is.word);
    }
}

void finding_write_measures(const struct finding *finding, struct writer *writer)
{
    writer_object(writer, "measures");
    write_values(finding, writer, false);
    writer_end(writer);
    writer_object(writer, "words");
    write_values(finding, writer, true);
    if (finding->error_class &&
        (!finding->measures || measures_find(finding->measures, "error_class") < 0))
        writer_string(writer, "error_class", finding->error_class);
    if (finding->elsewhere)
        writer_string(writer, "applies", "no");
    writer_end(writer);
}

int64_t finding_write_evidence(const struct finding *finding, struct writer *writer, size_t room)
{
    return finding->evidence_lost +
           evidence_write(finding->evidence, finding->evidence_count, writer, room);
}
