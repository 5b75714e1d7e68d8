/* Any bytes as an operator's text, and as a script's source: what is found lies inside of it, and that ends. */
#include <stdint.h>
#include <stdlib.h>

#include "lua/hazard.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct hazard hazard;
    struct problems problems = {0};
    if (hazard_find((const char *)bytes, len, &hazard) && hazard.at > len)
        abort();
    hazard_in_script("s.lua", (const char *)bytes, len, &problems);
    if (problems.errors)
        abort();
    problems_finish(&problems);
    return 0;
}
