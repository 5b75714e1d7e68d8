/* What C and C++ must agree upon: the sizes of what both sides of the contract touch. */
#ifndef ABI_HEADER_H
#define ABI_HEADER_H

#include <stddef.h>

#define HEADER_SIZES                                                                               \
    sizeof(struct probe_life), sizeof(struct probe_target), sizeof(struct probe_run),              \
        sizeof(struct probe_option), sizeof(struct probe_url), sizeof(struct probe_measure),       \
        sizeof(struct probe_check), sizeof(struct probe_action), sizeof(struct probe_field),       \
        sizeof(struct probe_table), sizeof(struct probe_finding), sizeof(struct probe_ending),     \
        sizeof(struct probe_request), sizeof(struct probe_response), sizeof(struct probe_peer),    \
        sizeof(struct probe_endpoint), sizeof(struct probe_arrival), sizeof(struct probe_command), \
        sizeof(struct probe_exit), sizeof(struct probe_sight), sizeof(struct probe_tail),          \
        sizeof(struct probe_lines), sizeof(struct probe_step), sizeof(struct probe_plan),          \
        sizeof(struct probe_result), sizeof(struct probe_claim), sizeof(struct probe_tenure),      \
        sizeof(struct probe_lease), sizeof(struct probe_plugin), sizeof(struct probe_host)

#ifdef __cplusplus
extern "C"
#else
extern
#endif
    const size_t sizes_in_cxx[];

#endif
