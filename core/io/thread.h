/*
 * thread - what threads of the agent have in common: no signals, small stacks, a clock that never jumps.
 *
 * Layer: io.  Uses: pthreads.
 */
#ifndef IO_THREAD_H
#define IO_THREAD_H

#include <pthread.h>
#include <stddef.h>
#include <time.h>

/* With every signal blocked: a closed pipe is EPIPE, and all signals are the loop's.  0 or -errno. */
int thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *), void *data);

/* A condition whose timed waits count by thread_in_ms(). */
void thread_cond_init(pthread_cond_t *cond);
struct timespec thread_in_ms(unsigned ms);

#endif
