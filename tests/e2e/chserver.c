/*
 * chserver - a real ClickHouse 26.x out of npm's libchdb.so.
 *
 * libchdb holds clickhouse-local: its chdb_query_cmdline() takes clickhouse-local's arguments, and
 * "SYSTEM START LISTEN HTTP" (or TCP) opens the genuine ports.  It serves as long as its last query
 * runs; a signal ends it.
 *
 *     LIBCHDB=.../libchdb.so chserver --path DIR --http_port 8123 --query "SYSTEM START LISTEN HTTP; ..."
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

typedef void *query_fn(int argc, char **argv);
typedef const char *error_fn(void *result);

int main(int argc, char **argv)
{
    const char *path = getenv("LIBCHDB");
    void *library = dlopen(path ? path : "libchdb.so", RTLD_NOW);
    query_fn *query = library ? (query_fn *)dlsym(library, "chdb_query_cmdline") : NULL;
    error_fn *error = library ? (error_fn *)dlsym(library, "chdb_result_error") : NULL;

    if (!query || !error) {
        (void)fprintf(stderr, "chserver: %s\n", dlerror());
        return 1;
    }
    void *result = query(argc, argv);
    const char *why = result ? error(result) : "no result";
    if (why)
        (void)fprintf(stderr, "chserver: %s\n", why);
    return why ? 2 : 0;
}
