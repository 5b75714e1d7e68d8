/*
 * percent - shares, as plugins report them.
 *
 * Layer: plugins/common; includes the C library and probe.h only.
 */
#ifndef COMMON_PERCENT_H
#define COMMON_PERCENT_H

#include <math.h>

/* `part` of `whole` in percent, with two digits behind the point; zero where there is no whole. */
static inline double percent_of(double part, double whole)
{
    return whole > 0.0 ? round(1e4 * part / whole) / 1e2 : 0.0;
}

#endif
