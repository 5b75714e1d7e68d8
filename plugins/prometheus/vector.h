/*
 * vector - the result of an instant query, series by series.
 *
 * Pure; knows nothing of runs.
 */
#ifndef PROMETHEUS_VECTOR_H
#define PROMETHEUS_VECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

enum { VECTOR_SUBJECT = 200 };

struct series {
    const json_t *labels; /* an object; of a scalar an empty one */
    double value;         /* also not a number, or infinite */
    double at_seconds;    /* since 1970 */
};

/* How many series there are: of a vector, or a scalar, which is one.  -1: it is neither. */
int vector_count(const json_t *data);

/* The nth of them; false where it has no value. */
bool vector_at(const json_t *data, size_t nth, struct series *ret_series);

/*
 * What a series is called: the values of its labels in the order of their names, without __name__,
 * as `env=prod,job=api`; "" of one without labels.  What is too long is cut and told apart by a
 * number made of all of it.
 */
void vector_subject(const json_t *labels, char out[VECTOR_SUBJECT]);

/* "+Inf", "12.5": as Prometheus writes it, for people. */
void vector_print(double value, char out[32]);

#endif
