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

/*
 * One that hangs is left to itself.  thread_leave() says so before the thread can know of it; thread_gone(),
 * on that thread, is the last it does.  The end of the process takes away what such a thread uses (what
 * OpenSSL's exit handlers free), so main() gives all of them `ms` together: how many are still at work.
 */
void thread_leave(pthread_t thread);
void thread_gone(void);
unsigned thread_wait_for_left(unsigned ms);

/* A condition whose timed waits count by thread_in_ms(). */
void thread_cond_init(pthread_cond_t *cond);
struct timespec thread_in_ms(unsigned ms);

#endif
