/*
 * blame - whose code runs on this thread, so that a crash can be laid at the right door.
 *
 * Whoever calls into a plugin enters its name before and leaves it after; calls may nest.  What a
 * signal handler reads is one pointer to constant text: it looks for nothing, and takes no lock.
 *
 * Layer: base.
 */
#ifndef BASE_BLAME_H
#define BASE_BLAME_H

/* What is noted of a crash: a name and more, without a line's end.  Lives as long as it may run. */
struct blame {
    char text[120];
};

/* NULL: our own code. */
extern _Thread_local const struct blame *volatile blame_running;

/* Returns who ran until now, for blame_leave(). */
static inline const struct blame *blame_enter(const struct blame *who)
{
    const struct blame *before = blame_running;
    blame_running = who;
    return before;
}

static inline void blame_leave(const struct blame *before)
{
    blame_running = before;
}

/* Around a call into code that is not ours; `call` is a statement. */
#define BLAME(who, call)                                                                           \
    do {                                                                                           \
        const struct blame *before_ = blame_enter(who);                                            \
        call;                                                                                      \
        blame_leave(before_);                                                                      \
    } while (0)

#endif
