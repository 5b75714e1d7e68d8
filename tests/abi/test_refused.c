/* What the loader refuses, and what it says then: each with what is wrong and what to do. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "probe/plugin.h"

static char folder[] = "/tmp/test_refused.XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"odd.so", "odder.so", "text.so", "library.so"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        MEM_AUTO char *path = mem_print("%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    return rmdir(folder);
}

/* A copy of a built plugin of ours under another name. */
static char *copy(const char *plugin, const char *name, mode_t mode)
{
    MEM_AUTO char *from = mem_print("%s/%s.so", ABI_PLUGINS, plugin);
    char *to = mem_print("%s/%s", folder, name);
    char bytes[65536];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    for (ssize_t got; (got = read(in, bytes, sizeof(bytes))) > 0;)
        assert_int_equal(write(out, bytes, (size_t)got), got);
    close(in);
    assert_int_equal(fchmod(out, mode), 0);
    close(out);
    return to;
}

static void refused(const char *path, const char *message, const char *hint)
{
    struct plugins plugins = {0};
    struct error error = {0};
    assert_true(plugin_load(&plugins, path, &error) < 0);
    assert_int_equal(plugins.count, 0);
    if (!strstr(error.message, message))
        fail_msg("\"%s\" is not in: %s", message, error.message);
    if (!strstr(error.hint, hint))
        fail_msg("\"%s\" is not in the hint: %s", hint, error.hint);
    plugins_finish(&plugins);
}

static void refused_built(const char *plugin, const char *message, const char *hint)
{
    MEM_AUTO char *path = mem_print("%s/%s.so", ABI_PLUGINS, plugin);
    refused(path, message, hint);
}

static void a_proper_plugin_is_loaded_once(void **state)
{
    struct plugins plugins = {0};
    struct error error = {0};
    (void)state;
    MEM_AUTO char *path = mem_print("%s/odd.so", ABI_PLUGINS);
    assert_int_equal(plugin_load(&plugins, path, &error), 0);
    assert_string_equal(plugin_find(&plugins, "odd")->path, path);
    assert_non_null(plugin_find_check(plugin_find(&plugins, "odd"), "check"));
    assert_int_equal(plugin_load(&plugins, path, &error), -EEXIST);
    assert_non_null(strstr(error.message, "is loaded already, from"));
    plugins_finish(&plugins);
}

static void versions_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    refused_built("odd_major", "was built for version 2 of the plugin contract", "rebuild it");
    refused_built("odd_minor", "needs version 1.99 of the plugin contract", "upgrade runbookd");
    refused_built("odd_entry", "it has no symbol probe_plugin_v1", "PROBE_PLUGIN(descriptor);");
    refused_built("odd_nothing", "returned nothing", "");
    refused_built("odd_size", "descriptor is too small", "PROBE_ABI");
    refused_built("odd_sizes", "descriptor is too small", "PROBE_ABI");
}

static void names_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    refused_built("odd_name", "it calls itself \"even\"", "rename it to even.so");
    refused_built("odd_path", "lacks a proper name", "");
    refused_built("odd_measure", "a measure \"end\", which is no proper name", "");
    refused_built("odd_timeout", "no proper every and timeout", "");
    refused_built("odd_action", "its action \"kill\" changes something and has no plan()", "");
    refused_built("odd_apply", "its action \"read\" lacks a proper name, help or apply()", "");
    refused_built("odd_lease", "its lease lacks its size or claim()", "");
    refused_built("odd_ttl", "its lease has no proper timeout", "");
    refused_built("odd_limit", "its action \"read\" has no proper timeout", "");
    MEM_AUTO char *longer = copy("odd", "odder.so", 0755);
    refused(longer, "it calls itself \"odd\"", "rename it to odd.so");
}

static void files_that_others_may_write_are_refused(void **state)
{
    (void)state;
    MEM_AUTO char *world = copy("odd", "odd.so", 0777);
    refused(world, "its group or everybody may write it (mode 0777)", "chmod go-w");
    assert_int_equal(chmod(world, 0775), 0);
    refused(world, "its group or everybody may write it (mode 0775)", "chmod go-w");
    assert_int_equal(chmod(world, 0755), 0);
    if (geteuid() != 0)
        return;
    assert_int_equal(chown(world, 1234, 0), 0);
    refused(world, "it belongs to user 1234", "chown root");
}

static void what_is_no_plugin_at_all_is_refused(void **state)
{
    (void)state;
    refused("odd.so", "its path must be absolute", "");
    refused("/nowhere/odd.so", "No such file", "");
    refused(folder, "it is no regular file", "");
    MEM_AUTO char *text = mem_print("%s/text.so", folder);
    FILE *file = fopen(text, "w");
    (void)fputs("hello\n", file);
    (void)fclose(file);
    assert_int_equal(chmod(text, 0644), 0);
    refused(text, "it cannot be loaded", "shared object");
    MEM_AUTO char *library = copy("odd_entry", "library.so", 0755);
    refused(library, "it has no symbol", "");
}

static void on_refused(const char *path, const struct error *error, void *data)
{
    (void)path;
    assert_true(error->message[0] != '\0');
    ++*(int *)data;
}

static void a_folder_that_others_may_write_is_refused(void **state)
{
    struct plugins plugins = {0};
    struct error error = {0};
    int count = 0;
    MEM_AUTO char *inside = mem_print("%s/inside", folder);
    (void)state;
    assert_int_equal(mkdir(inside, 0755), 0);
    assert_int_equal(plugin_load_folder(&plugins, inside, on_refused, &count, &error), 0);
    static const struct {
        mode_t mode;
        bool fine;
    } cases[] = {{0775, false}, {0757, false}, {0750, true}, {01777, true}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(chmod(inside, cases[i].mode), 0);
        int status = plugin_load_folder(&plugins, inside, on_refused, &count, &error);
        assert_int_equal(status, cases[i].fine ? 0 : -EPERM);
    }
    assert_non_null(strstr(error.hint, "chmod go-w"));
    assert_int_equal(chmod(inside, 0755), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(inside, 1234, 0), 0);
        assert_int_equal(plugin_load_folder(&plugins, inside, on_refused, &count, &error), -EPERM);
        assert_non_null(strstr(error.message, "belongs to user 1234"));
    }
    assert_int_equal(rmdir(inside), 0);
}

static void one_bad_file_in_a_folder_does_not_hide_the_others(void **state)
{
    struct plugins plugins = {0};
    struct error error = {0};
    int count = 0;
    (void)state;
    assert_int_equal(plugin_load_folder(&plugins, ABI_PLUGINS, on_refused, &count, &error), 0);
    assert_non_null(plugin_find(&plugins, "odd"));
    assert_true(count >= 9);
    plugins_finish(&plugins);
    assert_true(plugin_load_folder(&plugins, "/nowhere", on_refused, &count, &error) < 0);
    assert_non_null(strstr(error.hint, "--plugins"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proper_plugin_is_loaded_once),
        cmocka_unit_test(versions_that_do_not_fit_are_refused),
        cmocka_unit_test(names_that_do_not_fit_are_refused),
        cmocka_unit_test(files_that_others_may_write_are_refused),
        cmocka_unit_test(what_is_no_plugin_at_all_is_refused),
        cmocka_unit_test(a_folder_that_others_may_write_is_refused),
        cmocka_unit_test(one_bad_file_in_a_folder_does_not_hide_the_others),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
