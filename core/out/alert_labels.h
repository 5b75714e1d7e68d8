/*
 * alert_labels - "labels:" of the sink alertmanager: which of the operator's labels an alert bears.
 *
 * An alert is its labels, so what routes need not know is better left out.  A map of names and texts;
 * a text may hold ${label.NAME}, the event's label of that name, and ${realm}, ${node}, ${target},
 * ${name}, ${check}, ${subject}, ${scope}, ${owner}, ${severity} (its status).  What turns out empty is
 * left out.  Without the map an alert bears all labels of its event.
 *
 * Layer: out.  Uses: base, out/view.
 */
#ifndef OUT_ALERT_LABELS_H
#define OUT_ALERT_LABELS_H

#include "base/error.h"
#include "base/writer.h"
#include "out/view.h"

/* Whether the map, as JSON without white space (NULL: none), is one; 0, or -1 and `*error`. */
int alert_labels_check(const char *map, struct error *error);

/*
 * Writes alertname, realm, target, name, subject, severity, node where they are one agent's, and the
 * operator's, as the object "labels".  `own` has what the first are.
 */
struct alert_labels_own {
    const char *alertname, *target, *name, *subject, *severity; /* NULL: has none */
    bool of_node;
};
void alert_labels_write(const char *map, const struct alert_labels_own *own, struct view line,
                        struct writer *writer);

#endif
