/*
 * before - what is asked before a declared request is planned, and again before it is sent: whether
 * there is anything to do, on how many things, and what is there now.
 */
#ifndef HTTP_BEFORE_H
#define HTTP_BEFORE_H

#include <runbookd/probe.h>

/*
 * Asks it, with `before`, `count` and `total` of the run filled in; then `then`.  Where the request
 * is not to be sent the run has ended.
 */
typedef void before_fn(struct probe_run *run);
void before_look(struct probe_run *run, before_fn *then);

#endif
