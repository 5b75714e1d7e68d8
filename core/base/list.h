/*
 * list - a doubly linked ring whose links live in the structs they link.
 *
 * A `struct list` is both the head and a member.  A link that is in no list points to itself, so
 * list_remove() may be called at any time and twice.
 *
 * Layer: base.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>

#include "base/mem.h"

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *list)
{
    list->next = list->prev = list;
}

static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}

/* Adds before `before`: at the end, if that is the head. */
static inline void list_add(struct list *before, struct list *link)
{
    link->prev = before->prev;
    link->next = before;
    before->prev->next = link; /* NOLINT: a list is a ring, which the analyzer cannot know */
    before->prev = link;
}

static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* The first member's struct; the list must not be empty. */
#define list_first(head, type, member) container_of((head)->next, type, member)

/* for (each): the body may remove `item`, and nothing else. */
#define list_for_each(item, head, type, member)                                                    \
    for (struct list *link_ = (head)->next, *next_ = link_->next;                                  \
         link_ != (head) && ((item) = container_of(link_, type, member), true);                    \
         link_ = next_, next_ = link_->next)

#endif
