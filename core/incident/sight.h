/*
 * sight - the last sample of each subject that remediations are about.
 *
 * What triggers, refuses and verifies is asked of here, so that a condition never makes a check run twice, and
 * so that what a script gets as its finding, and what is kept as evidence, is what the agent saw.
 *
 * Layer: incident.  Uses: base, probe/schedule, incident/entry.
 */
#ifndef INCIDENT_SIGHT_H
#define INCIDENT_SIGHT_H

#include "base/list.h"
#include "incident/entry.h"
#include "probe/schedule.h"

enum {
    SIGHT_MOST = 2000, /* subjects of all checks together */
    SIGHT_JSON_LEN = 12 * 1024,
    SIGHT_INTERVALS =
        3 /* what is older than so many intervals of its check is not known any more */
};

/* The last sample of one subject. */
struct sighting {
    struct list link;
    const struct plugin_check *check;
    char *target, *name, *subject; /* subject: NULL, the target itself */
    char *id;                      /* of its finding's events */
    enum probe_status sample, status;
    bool flapping, isolated;
    int64_t wall_ms, changed_wall_ms, every_ms;
    uint64_t started_us; /* of its run */
    struct value *values;
    size_t value_count; /* one more than the check's measures: the reported status */
    char *json;
};

/* Called after each sample of interest, and when a run is over.  Timers may be started, and nothing else. */
struct sight_hears {
    void (*sample)(const struct sighting *sighting, void *data);
    void (*over)(const char *target, const char *name, uint64_t started_us, void *data);
    void *data;
};

struct sights;

struct sights *sight_create(struct schedule *schedule, const struct sight_hears *hears);
void sight_destroy(struct sights *sights); /* NULL is fine */

/* Of which targets samples are of interest from now on: all that these entries name. */
void sight_use(struct sights *sights, const struct entries *entries);

typedef void sight_fn(const struct sighting *sighting, void *data);
void sight_each(const struct sights *sights, const char *target, const char *name, sight_fn *fn,
                void *data); /* `name` NULL: of all its checks */

enum sight_answer { SIGHT_NO, SIGHT_YES, SIGHT_UNKNOWN };

/*
 * Whether the question's condition holds: for `subject`, or where that is NULL, for any one of several
 * (`any`), or for each.  Samples of runs that began before `since_us` do not count, nor what is out of date.  A
 * subject that a whole run no longer found holds for `each`.
 */
enum sight_answer sight_ask(const struct sights *sights, const struct entry_question *question,
                            const char *subject, bool any, uint64_t since_us);

/* A measure of that check as it was last, of `subject`; of several the greatest.  False: not known. */
bool sight_measure(const struct sights *sights, const char *target,
                   const struct config_check *check, int slot, const char *subject,
                   uint64_t since_us, double *ret);

/* Has the check run now, or as soon as its target allows.  False: there is none, or it is held. */
bool sight_run(const struct sights *sights, const char *target, const char *name);

#endif
