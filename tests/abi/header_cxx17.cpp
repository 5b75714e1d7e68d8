// probe.h in C++17, pedantically: declarations, inline functions and sizes.
#include "header.h"

#include <runbookd/probe.h>

extern "C" {
const size_t sizes_in_cxx[] = {HEADER_SIZES};

void use_from_cxx(struct probe_run *run);
void use_from_cxx(struct probe_run *run)
{
    probe_log(&run->life, PROBE_LOG_INFO, "%s", "x");
    probe_remember(&run->life, "key", "value");
    probe_fail(run, -1, "%s", "x");
    probe_done(run);
}
}
