/* plugins/cert's file on the fake host. */
#include <sys/stat.h>

#include "cert_fixture.h"
#include "kit.h"

const struct probe_plugin *probe_plugin_v1(void);

static struct kit *open_kit(const char *path)
{
    struct kit *kit = kit_open(probe_plugin_v1());
    kit_set_wall(kit, now_ms());
    kit_set_for(kit, "file", "path", path);
    return kit;
}

static void close_kit(struct kit *kit)
{
    assert_int_equal(kit_close(kit), 0);
}

static void show_text(struct kit *kit, const char *path, const char *text)
{
    struct probe_sight *sight = keep(calloc(1, sizeof(*sight)));
    *sight = (struct probe_sight){.bytes = text, .len = strlen(text)};
    kit_show(kit, PROBE_LOOK_READ, path, 0, sight);
}

static void show_list(struct kit *kit, const char *pattern, const struct probe_file *files,
                      size_t count)
{
    struct probe_sight *sight = keep(calloc(1, sizeof(*sight)));
    *sight = (struct probe_sight){.files = files, .file_count = count};
    kit_show(kit, PROBE_LOOK_LIST, pattern, 0, sight);
}

static void a_bundle_and_its_key_are_fine(void **state)
{
    (void)state;
    struct pki_pair one = leaf(-1, 89);
    struct kit *kit = open_kit("/etc/tls/fullchain.pem");
    kit_set_for(kit, "file", "key", "privkey.pem");
    kit_set_for(kit, "file", "names", "[shop.example]");
    show_text(kit, "/etc/tls/fullchain.pem", joined(pem_of(&one), pem_of(&intermediate)));
    show_text(kit, "/etc/tls/privkey.pem", key_of(&one, NULL));
    struct kit_run *run = kit_run(kit, "file");
    const struct kit_finding *finding = kit_finding(run, "/etc/tls/fullchain.pem");
    assert_int_equal(run->finding_count, 1);
    assert_int_equal(kit_grade(kit, "file", finding), PROBE_OK);
    assert_true(kit_flag(finding, "key_match"));
    assert_int_equal(kit_int(finding, "certificates"), 2);
    close_kit(kit);
}

static void a_key_of_another_certificate_is_critical(void **state)
{
    (void)state;
    struct pki_pair one = leaf(-1, 89), other = leaf(-1, 89);
    struct kit *kit = open_kit("/etc/tls/a.pem");
    kit_set_for(kit, "file", "key", "/etc/keys/a.key");
    show_text(kit, "/etc/tls/a.pem", pem_of(&one));
    show_text(kit, "/etc/keys/a.key", key_of(&other, NULL));
    struct kit_run *run = kit_run(kit, "file");
    const struct kit_finding *finding = kit_finding(run, "/etc/tls/a.pem");
    assert_int_equal(kit_grade(kit, "file", finding), PROBE_CRITICAL);
    assert_string_equal(finding->summary,
                        "the private key in /etc/keys/a.key is another certificate's");
    assert_true(kit_flag(finding, "chain_ok"));
    close_kit(kit);
}

static void a_key_that_stands_in_the_same_file_is_compared(void **state)
{
    (void)state;
    struct pki_pair one = leaf(-1, 89), other = leaf(-1, 89);
    struct kit *kit = open_kit("/etc/haproxy/a.pem");
    show_text(kit, "/etc/haproxy/a.pem", joined(pem_of(&one), key_of(&other, NULL)));
    struct kit_run *run = kit_run(kit, "file");
    const struct kit_finding *finding = kit_finding(run, "/etc/haproxy/a.pem");
    assert_string_equal(finding->summary, "the private key beside it is another certificate's");
    close_kit(kit);
}

/* An expired certificate stays critical, whatever is known of its key. */
static void a_key_that_cannot_be_read_is_unknown_on_its_own(void **state)
{
    (void)state;
    struct pki_pair one = leaf(-90, -1);
    const struct {
        int status;
        const char *text, *word;
    } cases[] = {{-EACCES, NULL, "unreadable"},
                 {0, key_of(&one, "passphrase"), "no_key"},
                 {0, "nothing", "no_key"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct kit *kit = open_kit("/etc/tls/a.pem");
        kit_set_for(kit, "file", "key", "a.key");
        show_text(kit, "/etc/tls/a.pem", pem_of(&one));
        if (cases[i].text)
            show_text(kit, "/etc/tls/a.key", cases[i].text);
        else
            kit_show(kit, PROBE_LOOK_READ, "/etc/tls/a.key", cases[i].status, NULL);
        struct kit_run *run = kit_run(kit, "file");
        const struct kit_finding *key = kit_finding(run, "/etc/tls/a.key");
        assert_int_equal(kit_grade(kit, "file", kit_finding(run, "/etc/tls/a.pem")),
                         PROBE_CRITICAL);
        assert_false(kit_has(kit_finding(run, "/etc/tls/a.pem"), "key_match"));
        assert_int_equal(key->status, PROBE_UNKNOWN);
        assert_string_equal(kit_text(key, "error_class"), cases[i].word);
        assert_non_null(key->hint);
        close_kit(kit);
    }
}

static void each_file_of_a_pattern_is_a_subject_and_folders_are_none(void **state)
{
    (void)state;
    struct pki_pair one = leaf(-1, 89), old = leaf(-90, 3);
    const struct probe_file files[] = {{.path = "/tls/a.pem", .mode = S_IFREG | 0644},
                                       {.path = "/tls/b.pem", .mode = S_IFREG | 0644},
                                       {.path = "/tls/c.pem", .mode = S_IFREG | 0600},
                                       {.path = "/tls/d.pem", .mode = S_IFREG | 0644},
                                       {.path = "/tls/e.pem", .mode = S_IFDIR | 0755},
                                       {.path = "/tls/f.pem", .mode = S_IFIFO | 0644}};
    struct kit *kit = open_kit("/tls/*.pem");
    show_list(kit, "/tls/*.pem", files, 6);
    show_text(kit, "/tls/a.pem", pem_of(&one));
    show_text(kit, "/tls/b.pem", pem_of(&old));
    kit_show(kit, PROBE_LOOK_READ, "/tls/c.pem", -EACCES, NULL);
    show_text(kit, "/tls/d.pem", "garbage");
    struct kit_run *run = kit_run(kit, "file");
    assert_int_equal(run->finding_count, 4);
    assert_int_equal(kit_grade(kit, "file", kit_finding(run, "/tls/a.pem")), PROBE_OK);
    assert_int_equal(kit_grade(kit, "file", kit_finding(run, "/tls/b.pem")), PROBE_CRITICAL);
    assert_int_equal(kit_finding(run, "/tls/c.pem")->status, PROBE_UNKNOWN);
    assert_non_null(strstr(kit_finding(run, "/tls/c.pem")->hint, "let the agent's user read it"));
    assert_int_equal(kit_finding(run, "/tls/d.pem")->status, PROBE_CRITICAL);
    assert_string_equal(kit_text(kit_finding(run, "/tls/d.pem"), "error_class"), "no_certificate");
    close_kit(kit);
}

static void of_very_many_names_the_count_is_told(void **state)
{
    (void)state;
    struct pki_pair one = issue((struct pki_wish){
        .name = "x",
        .names = "DNS:a,DNS:b,DNS:c,DNS:d,DNS:e,DNS:f,DNS:g,DNS:h,DNS:i,DNS:j,DNS:k,"
                 "DNS:l,DNS:m,DNS:n,DNS:o,DNS:p,DNS:q,DNS:r,DNS:s,DNS:t,DNS:u",
        .to_days = 80});
    struct kit *kit = open_kit("/tls/a.pem");
    show_text(kit, "/tls/a.pem", pem_of(&one));
    struct kit_run *run = kit_run(kit, "file");
    assert_int_equal(kit_int(kit_finding(run, "/tls/a.pem"), "names_total"), 21);
    close_kit(kit);
}

static void a_pattern_without_files_is_unknown(void **state)
{
    (void)state;
    struct kit *kit = open_kit("/tls/*.pem");
    show_list(kit, "/tls/*.pem", NULL, 0);
    struct kit_run *run = kit_run(kit, "file");
    const struct kit_finding *finding = kit_finding(run, "/tls/*.pem");
    assert_int_equal(finding->status, PROBE_UNKNOWN);
    assert_string_equal(kit_text(finding, "error_class"), "no_files");
    close_kit(kit);
}

static void a_pattern_of_very_many_files_is_cut_and_said_to_be(void **state)
{
    (void)state;
    static struct probe_file files[300];
    static char paths[300][32];
    struct pki_pair one = leaf(-1, 89);
    const char *pem = pem_of(&one);
    struct kit *kit = open_kit("/tls/*.pem");
    for (size_t i = 0; i < 300; i++) {
        (void)snprintf(paths[i], sizeof(paths[i]), "/tls/%03zu.pem", i);
        files[i] = (struct probe_file){.path = paths[i], .mode = S_IFREG | 0644};
        if (i < 200)
            show_text(kit, paths[i], pem);
    }
    show_list(kit, "/tls/*.pem", files, 300);
    struct kit_run *run = kit_run(kit, "file");
    assert_int_equal(run->finding_count, 201);
    assert_int_equal(kit_finding(run, "/tls/*.pem")->status, PROBE_UNKNOWN);
    assert_string_equal(kit_finding(run, "/tls/*.pem")->summary,
                        "300 files are named by /tls/*.pem, of which 200 are looked at");
    close_kit(kit);
}

/* A dead mount: what was not looked at is told, not forgotten. */
static void a_file_that_hangs_costs_those_after_it_and_is_said_so(void **state)
{
    (void)state;
    struct pki_pair one = leaf(-1, 89);
    const struct probe_file files[] = {{.path = "/tls/a.pem", .mode = S_IFREG | 0644},
                                       {.path = "/tls/b.pem", .mode = S_IFREG | 0644},
                                       {.path = "/tls/c.pem", .mode = S_IFREG | 0644}};
    struct kit *kit = open_kit("/tls/*.pem");
    show_list(kit, "/tls/*.pem", files, 3);
    show_text(kit, "/tls/a.pem", pem_of(&one));
    kit_show(kit, PROBE_LOOK_READ, "/tls/b.pem", -ETIMEDOUT, NULL);
    struct kit_run *run = kit_run(kit, "file");
    assert_true(run->done);
    assert_int_equal(kit_grade(kit, "file", kit_finding(run, "/tls/a.pem")), PROBE_OK);
    assert_int_equal(kit_finding(run, "/tls/b.pem")->status, PROBE_UNKNOWN);
    assert_int_equal(kit_finding(run, "/tls/c.pem")->status, PROBE_UNKNOWN);
    close_kit(kit);
}

static void a_key_that_hangs_hides_nothing_of_its_certificate(void **state)
{
    (void)state;
    struct pki_pair one = leaf(-1, 89);
    struct kit *kit = open_kit("/tls/a.pem");
    kit_set_for(kit, "file", "key", "a.key");
    show_text(kit, "/tls/a.pem", pem_of(&one));
    kit_show(kit, PROBE_LOOK_READ, "/tls/a.key", -ETIMEDOUT, NULL);
    struct kit_run *run = kit_run(kit, "file");
    assert_true(run->done);
    assert_int_equal(run->finding_count, 2);
    assert_int_equal(kit_grade(kit, "file", kit_finding(run, "/tls/a.pem")), PROBE_OK);
    close_kit(kit);
}

static void paths_that_nobody_can_mean_are_refused(void **state)
{
    (void)state;
    struct kit *kit = open_kit("certs/a.pem");
    assert_non_null(strstr(kit_refusal(kit, "file"), "is not an absolute path"));
    close_kit(kit);
    kit = open_kit("/tls/a.pem");
    kit_set_for(kit, "file", "key", "keys/a.key");
    assert_non_null(strstr(kit_refusal(kit, "file"), "nor a name beside the certificate"));
    close_kit(kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bundle_and_its_key_are_fine),
        cmocka_unit_test(a_key_of_another_certificate_is_critical),
        cmocka_unit_test(a_key_that_stands_in_the_same_file_is_compared),
        cmocka_unit_test(a_key_that_cannot_be_read_is_unknown_on_its_own),
        cmocka_unit_test(each_file_of_a_pattern_is_a_subject_and_folders_are_none),
        cmocka_unit_test(of_very_many_names_the_count_is_told),
        cmocka_unit_test(a_pattern_without_files_is_unknown),
        cmocka_unit_test(a_pattern_of_very_many_files_is_cut_and_said_to_be),
        cmocka_unit_test(a_file_that_hangs_costs_those_after_it_and_is_said_so),
        cmocka_unit_test(a_key_that_hangs_hides_nothing_of_its_certificate),
        cmocka_unit_test(paths_that_nobody_can_mean_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up_pki, tear_down_pki);
}
