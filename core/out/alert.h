/*
 * alert - one alert in the words of Alertmanager's API, but for its end.
 *
 * Labels are those that routes and silences go by; what people read are annotations: the sentence,
 * measures, hint, owner, doc, id and the commands to paste.  A plan that waits is the alert
 * "runbookd.plan_waits" of its remediation, and what else needs a person "runbookd.person_needed".
 *
 * Layer: out.  Uses: base, out/alert_labels, out/notice, out/view, probe/event.
 */
#ifndef OUT_ALERT_H
#define OUT_ALERT_H

#include "out/notice.h"
#include "probe/event.h"

struct alert_words {
    char *labels; /* {"alertname":...}: by this it is known; to be freed */
    char *rest;   /* the members beside them, with commas between; to be freed */
};

/* Of a finding that is not ok.  `map` is what alert_labels_check() has found well, or NULL. */
struct alert_words alert_of_finding(const struct event *event, const char *map);

/* Of a remediation that calls for a person. */
struct alert_words alert_of_notice(const struct event *event, const struct notice *notice,
                                   const char *map);

#endif
