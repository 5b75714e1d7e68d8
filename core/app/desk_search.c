/* desk_search - findings by their name or the first digits of their id: part of app/desk. */
#include <string.h>

#include "app/desk_parts.h"
#include "probe/event.h"

enum { SHORTEST_ID = 4 /* of the first digits of one */ };

struct search {
    const struct desk *desk;
    const struct duty *duty;
    const char *subject; /* NULL: any */
    const char *id;      /* its first digits; NULL: any */
    desk_row_fn *fn;     /* NULL: only counted */
    void *data;
    size_t found;
};

static bool is_wanted(const struct search *search, const struct desk_row *row)
{
    char id[EVENT_ID_LEN];
    const char *subject = row->view->subject;
    if (search->subject)
        return subject && strcmp(subject, search->subject) == 0;
    if (!search->id)
        return true;
    desk_row_id(row, id);
    return strncmp(id, search->id, strlen(search->id)) == 0;
}

static void on_entry(const struct ledger_view *view, void *data)
{
    struct search *search = data;
    const struct desk_row row = desk_row(search->desk, search->duty, view);
    if (!is_wanted(search, &row))
        return;
    search->found++;
    if (search->fn)
        search->fn(&row, search->data);
}

static void search_duty(const struct duty *duty, void *data)
{
    struct search *search = data;
    search->duty = duty;
    ledger_each(duty->target->schedule->ledger,
                duty->target->config->name,
                duty->config->name,
                desk_clock(search->desk),
                on_entry,
                search);
}

static bool is_id(const char *what)
{
    size_t len = strlen(what);
    return len >= SHORTEST_ID && len < EVENT_ID_LEN && strspn(what, "0123456789abcdef") == len;
}

/* "queues/depth[mails]" is cut into its address and its subject; NULL: it has none. */
static char *cut_subject(char *what)
{
    char *open = strchr(what, '[');
    size_t len = strlen(what);
    if (!open || what[len - 1] != ']')
        return NULL;
    what[len - 1] = '\0';
    *open = '\0';
    return open + 1;
}

static void refuse_nothing(const struct search *search, struct control_call *call, const char *what)
{
    if (search->id)
        control_refuse(
            call, "runbookd findings names what there is", "no finding has the id %s", what);
    else if (search->subject)
        control_refuse(
            call, NULL, "%s says nothing of \"%.200s\" at present", what, search->subject);
    else
        control_refuse(call, "it has not run yet, or is held", "%s has found nothing yet", what);
}

size_t desk_search(const struct desk *desk, struct control_call *call, const char *name,
                   desk_row_fn *fn, void *data)
{
    MEM_AUTO char *what = mem_copy(name);
    struct search search = {.desk = desk, .fn = fn, .data = data};
    if (!what || !*what) {
        control_refuse(call, NULL, "name it: TARGET/CHECK, TARGET/CHECK[SUBJECT] or an id");
        return 0;
    }
    search.subject = cut_subject(what);
    const char *address = what;
    if (desk_each_duty(desk, what, NULL, NULL) == 0 && !search.subject && is_id(what)) {
        search.id = what;
        address = NULL;
    }
    if (desk_each_duty(desk, address, search_duty, &search) == 0)
        desk_refuse_name(desk, call, what);
    else if (search.found == 0)
        refuse_nothing(&search, call, what);
    return search.found;
}
