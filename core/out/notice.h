/*
 * notice - what people are told of an event, and in which words: a title, what it is about, and the
 * commands to paste.
 *
 * People are told of findings that nobody has silenced, of plans that wait for their decision and
 * what became of them, and of what else a remediation has done or needs a person for.  Of a dry run
 * they are told nothing: it is an event.
 *
 * Every kind of sink for people goes by these words; how they are dressed is the sink's.  Texts are
 * plain, as the event has them: what is markup where they go, the sink takes care of.
 *
 * Layer: out.  Uses: base, out/view.
 */
#ifndef OUT_NOTICE_H
#define OUT_NOTICE_H

#include "base/text.h"
#include "out/view.h"

enum notice_call {
    NOTICE_NEWS,  /* for who reads along: nobody has to act, and what called goes on calling */
    NOTICE_CALLS, /* a person is needed: something is not ok, a plan waits, a repair failed */
    NOTICE_SEEN,  /* somebody looks after what called */
    NOTICE_ENDS   /* what called needs nobody any more */
};

struct notice {
    enum notice_call call;
    bool waits;        /* a plan that waits for a decision, until `until_ms` */
    bool remediation;  /* it is a remediation's step; otherwise a finding */
    int64_t until_ms;  /* when it expires; zero: unknown */
    struct text state; /* "critical", "ok", ...; of remediations "waiting", "approved", ... */
    struct text key;   /* what it is about, the same from the call to its end; 255 bytes at most */
    struct text title; /* one line: what, and what of it */
    struct text body;  /* lines with a newline between; may be empty */
    struct text command; /* to paste, lines as well; may be empty */
};

/*
 * Makes what the sink of that name says of a line; false: nothing, and there is nothing to finish.
 * A plan that waits is told by the sinks that its event names in `notify`, by all where it names
 * none.
 */
bool notice_make(struct view line, const char *sink, struct notice *ret_notice);
void notice_finish(struct notice *notice); /* may be called twice */
#define NOTICE_AUTO __attribute__((cleanup(notice_finish)))

/* Adds "TARGET/NAME" or "TARGET/NAME[SUBJECT]" of a finding. */
void notice_add_address(struct view line, struct text *out);

/* Adds a finding's measures, "used 96, used_percent 98.97"; nothing where there are none. */
void notice_add_measures(struct view line, struct text *out);

#endif
