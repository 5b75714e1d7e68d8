#include "incident/ical_library.h"

#ifdef RUNBOOKD_ICAL
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#define ICAL_NAME "libical.so.3"

static struct ical_library library;
static bool loaded;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ISO C knows no way from dlsym() to a function but through memory. */
static bool find(void *object, const char *name, void *ret_function)
{
    *(void **)ret_function = dlsym(object, name);
    return *(void **)ret_function != NULL;
}

static int load(struct error *error)
{
    void *object = dlopen(ICAL_NAME, RTLD_NOW | RTLD_LOCAL);
    if (!object) {
        (void)error_set(error, -ENOENT, "%s cannot be loaded: %s", ICAL_NAME, dlerror());
        return error_hint(error, "install libical, Debian's package libical3"), -ENOENT;
    }
    if (find(object, "icalrecurrencetype_from_string", &library.rule_from_string) &&
        find(object, "icalrecur_iterator_new", &library.iterator_new) &&
        find(object, "icalrecur_iterator_set_start", &library.iterator_set_start) &&
        find(object, "icalrecur_iterator_next", &library.iterator_next) &&
        find(object, "icalrecur_iterator_free", &library.iterator_free) &&
        find(object, "icalerror_set_errors_are_fatal", &library.set_errors_are_fatal)) {
        library.set_errors_are_fatal(0);
        return 0;
    }
    (void)dlclose(object);
    return error_set(error, -ENOSYS, "%s is older than 3.0", ICAL_NAME);
}

const struct ical_library *ical_load(struct error *error)
{
    (void)pthread_mutex_lock(&lock);
    loaded = loaded || load(error) == 0;
    bool there = loaded;
    (void)pthread_mutex_unlock(&lock);
    return there ? &library : NULL;
}
#endif
