/*
 * secret - a value that is referred to, not written down: ${env:NAME}, ${file:/run/secrets/x}.
 *
 * A secret keeps the operator's text with its references and puts the value together when it is
 * revealed.  ${env:NAME:-words} says what stands in for a variable that is unset or empty.
 * Files are read again once a second at most, so that a rotated one is seen; trailing newlines
 * go.  They are expected on a local file system (/run/secrets is memory) and hold 64 KiB at most.
 * Every value revealed is known to redact from then on, whole and reference by reference; a
 * password written down as it is counts as a secret as well.  Memory is wiped before it is freed.
 *
 * This is the contract's `struct probe_secret`.
 *
 * Layer: io.  Uses: base.
 */
#ifndef IO_SECRET_H
#define IO_SECRET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct probe_secret;

/*
 * From text with any number of references, "$${" for a plain "${".  NULL and `*error` where a
 * reference is malformed.  Opens nothing: secret_check() does.
 */
struct probe_secret *secret_create(const char *text, struct error *error);
void secret_destroy(struct probe_secret *secret);

/* What it stands for hides nothing (a URL without a password): redaction is not to know it. */
void secret_set_open(struct probe_secret *secret);

/* Whether it can be revealed now: zero, or an error that names the reference, never the value. */
int secret_check(struct probe_secret *secret, struct error *error);

/* The value; valid until the next call for the same secret.  NULL where it cannot be read. */
const char *secret_reveal(struct probe_secret *secret);

/* The operator's text, for people: references as they stand, everything else as REDACT_MARK. */
const char *secret_shown(const struct probe_secret *secret);

/* Whether the text holds a reference at all, to the environment or a file. */
bool secret_has_reference(const char *text);

/*
 * Whether a text begins with a reference that is put in place later, by others: what a step captured
 * (${captured:token}), what a remediation was given or found (${with.id}, ${before.value},
 * ${plan.hash}), what is said of an event (${event.status}, ${notice.title}).  Here they are plain text.
 */
bool secret_is_foreign(const char *text);

/*
 * The references of text that is no secret (a label, a number) put in place, freed by free().
 * redact learns what came from files, but nothing of the environment: a label's "production" would
 * be blanked in every sentence.  NULL and `*error` where that cannot be done.
 */
char *secret_expand(const char *text, struct error *error);

/* After a failed login: the next reveal reads its files again, however lately they were read. */
void secret_forget(struct probe_secret *secret);

/* Replaces the clock, in milliseconds, that a second is measured by; NULL: back.  For tests. */
void secret_use_clock(uint64_t (*now_ms)(void));

#endif
