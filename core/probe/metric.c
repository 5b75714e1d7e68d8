#include "probe/metric.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"

enum { MOST = 1000 };

static struct metric {
    char *owner, *name;
    double value;
} * all;
static size_t count;

static int order(const struct metric *metric, const char *owner, const char *name)
{
    int by_name = strcmp(metric->name, name);
    return by_name ? by_name : strcmp(metric->owner, owner);
}

static struct metric *find_or_make(const char *owner, const char *name)
{
    size_t low = 0, high = count;
    owner = owner ? owner : "";
    while (low < high) {
        size_t middle = (low + high) / 2;
        int by = order(&all[middle], owner, name);
        if (by == 0)
            return &all[middle];
        if (by < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (count == MOST) {
        log_warn("more than %d metrics: %s is not kept", (int)MOST, name);
        return NULL;
    }
    all = mem_resize(all, (count + 1) * sizeof(*all));
    memmove(all + low + 1, all + low, (count - low) * sizeof(*all));
    count++;
    all[low] = (struct metric){mem_copy(owner), mem_copy(name), 0};
    return &all[low];
}

void metric_count(const char *owner, const char *name, uint64_t add)
{
    struct metric *metric = find_or_make(owner, name);
    if (metric)
        metric->value += (double)add;
}

void metric_gauge(const char *owner, const char *name, double value)
{
    struct metric *metric = find_or_make(owner, name);
    if (metric)
        metric->value = value;
}

void metric_each(metric_fn *fn, void *data)
{
    for (size_t i = 0; i < count; i++)
        fn(*all[i].owner ? all[i].owner : NULL, all[i].name, all[i].value, data);
}

void metric_forget_all(void)
{
    for (size_t i = 0; i < count; i++) {
        free(all[i].owner);
        free(all[i].name);
    }
    free(all);
    all = NULL;
    count = 0;
}
