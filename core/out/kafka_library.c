#include "out/kafka_library.h"

#include <errno.h>

#ifdef RUNBOOKD_KAFKA
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

#define KAFKA_NAME "librdkafka.so.1"

static struct kafka_library library;

/* ISO C knows no way from dlsym() to a function but through memory. */
static bool find(void *object, const char *name, void *ret_function)
{
    *(void **)ret_function = dlsym(object, name);
    return *(void **)ret_function != NULL;
}

const struct kafka_library *kafka_load(struct error *error)
{
    static bool loaded;
    if (loaded)
        return &library;
    void *object = dlopen(KAFKA_NAME, RTLD_NOW | RTLD_LOCAL);
    if (!object) {
        (void)error_set(error, -ENOENT, "%s cannot be loaded: %s", KAFKA_NAME, dlerror());
        (void)error_hint(error, "install librdkafka, Debian's package librdkafka1");
        return NULL;
    }
    bool all = true;
#define KAFKA_FIND(name_) all = find(object, "rd_kafka_" #name_, &library.name_) && all;
    KAFKA_FUNCTIONS(KAFKA_FIND)
#undef KAFKA_FIND
    if (!all) {
        (void)error_set(error, -ENOSYS, "%s is older than 1.0", KAFKA_NAME);
        (void)dlclose(object);
        return NULL;
    }
    loaded = true;
    return &library;
}

int kafka_needs(struct error *error)
{
    return kafka_load(error) ? 0 : error->code;
}

#else

int kafka_needs(struct error *error)
{
    (void)error_set(error, -ENOSYS, "this runbookd was built without librdkafka");
    return error_hint(error, "build it where librdkafka-dev is installed");
}
#endif
