/* io/sshsig: what ssh-keygen has signed is accepted, and nothing else. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"
#include "io/sshsig.h"

#define SCOPE "runbookd-decision"
#define MESSAGE "realm: orders/production\nplan: 7k3q\n"

static char folder[] = "/tmp/runbookd-sshsig-XXXXXX";

static void run(const char *command)
{
    MEM_AUTO char *inside = mem_print("cd '%s' && { %s; } >/dev/null 2>&1", folder, command);
    int status = system(inside); /* lint: the test's own folder */
    if (status != 0)
        print_message("%s\n", command);
    assert_int_equal(status, 0);
}

static char *read_file(const char *name)
{
    MEM_AUTO char *path = mem_print("%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = mem_new(16384);
    (void)fread(text, 1, 16383, file);
    (void)fclose(file);
    return text;
}

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    run("printf 'realm: orders/production\\nplan: 7k3q\\n' > m; "
        "ssh-keygen -q -t ed25519 -N '' -C x -f ed && ssh-keygen -q -t rsa -b 2048 -N '' -C x -f "
        "rsa && "
        "ssh-keygen -q -t ecdsa -N '' -C x -f p256 && ssh-keygen -q -t ecdsa -b 384 -N '' -C x -f "
        "p384 && "
        "ssh-keygen -q -t rsa -b 1024 -N '' -C x -f weak; "
        "for key in ed rsa p256 p384 weak; do "
        "ssh-keygen -q -Y sign -f $key -n " SCOPE " m && mv m.sig $key.sig; done; "
        "ssh-keygen -q -Y sign -f ed -n git m && mv m.sig git.sig && "
        "ssh-keygen -q -Y sign -O hashalg=sha256 -f ed -n " SCOPE " m && mv m.sig sha256.sig");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    MEM_AUTO char *command = mem_print("rm -rf '%s'", folder);
    return system(command); /* lint: the test's own folder */
}

static int check(const char *name, const char *message, struct sshsig_key *key)
{
    MEM_AUTO char *armoured = read_file(name);
    struct error error = {0};
    return sshsig_check(
        armoured, &(const struct sshsig_matter){SCOPE, message, strlen(message)}, key, &error);
}

static void what_a_key_of_any_kind_has_signed_counts(void **state)
{
    static const char *const good[] = {"ed.sig", "rsa.sig", "p256.sig", "p384.sig", "sha256.sig"};
    struct sshsig_key key;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        print_message("%s\n", good[i]);
        assert_int_equal(check(good[i], MESSAGE, &key), 0);
        assert_int_equal(check(good[i], MESSAGE "more", &key), -EBADMSG);
        assert_int_equal(check(good[i], "", &key), -EBADMSG);
    }
}

static void another_purpose_and_a_weak_key_do_not(void **state)
{
    struct sshsig_key key;
    (void)state;
    assert_int_equal(check("git.sig", MESSAGE, &key), -EBADMSG);
    MEM_AUTO char *weak = mem_print("%s/weak.sig", folder);
    FILE *file = fopen(weak, "r"); /* a newer ssh-keygen makes none at all */
    if (!file)
        return;
    (void)fclose(file);
    assert_int_equal(check("weak.sig", MESSAGE, &key), -EBADMSG);
}

static void no_byte_of_it_can_be_another(void **state)
{
    MEM_AUTO char *armoured = read_file("ed.sig");
    struct sshsig_key key;
    struct error error = {0};
    size_t accepted = 0, tried = 0;
    (void)state;
    for (size_t i = strlen("-----BEGIN SSH SIGNATURE-----\n"); i < strlen(armoured) - 30; i++) {
        char was = armoured[i];
        if (was == '\n' || was == '=' || armoured[i + 1] == '=')
            continue; /* the last one before padding has bits that mean nothing */
        armoured[i] = was == 'A' ? 'B' : 'A';
        tried++;
        accepted += sshsig_check(armoured,
                                 &(const struct sshsig_matter){SCOPE, MESSAGE, strlen(MESSAGE)},
                                 &key,
                                 &error) == 0;
        armoured[i] = was;
    }
    assert_true(tried > 200);
    assert_int_equal(accepted, 0);
}

static void what_is_cut_off_anywhere_is_none(void **state)
{
    MEM_AUTO char *armoured = read_file("rsa.sig");
    struct sshsig_key key;
    struct error error = {0};
    (void)state;
    for (size_t len = 0; len + 30 < strlen(armoured); len++) {
        MEM_AUTO char *shorter =
            mem_print("%.*s\n-----END SSH SIGNATURE-----\n", (int)len, armoured);
        assert_int_not_equal(
            sshsig_check(shorter,
                         &(const struct sshsig_matter){SCOPE, MESSAGE, strlen(MESSAGE)},
                         &key,
                         &error),
            0);
    }
}

static void marks_that_share_their_dashes_are_none(void **state)
{
    struct sshsig_key key;
    struct error error = {0};
    (void)state;
    assert_int_not_equal(
        sshsig_check("-----BEGIN SSH SIGNATURE-----END SSH SIGNATURE-----\n",
                     &(const struct sshsig_matter){SCOPE, MESSAGE, strlen(MESSAGE)},
                     &key,
                     &error),
        0);
}

/* ---------------------------------------------------------------- signers ---- */

#define AT_NOON INT64_C(1795262400000) /* 2026-11-21T12:00:00Z */

/* Who it is by lines of which "KEY" stands for the public key; NULL: nobody. */
static const char *who(const char *lines)
{
    static char principal[SSHSIG_PRINCIPAL_LEN];
    MEM_AUTO char *public = read_file("ed.pub");
    struct text TEXT_AUTO text;
    struct sshsig_key key;
    struct error error = {0};
    public[strcspn(public, "\n")] = '\0';
    text_init(&text, 65536);
    for (const char *at = lines, *found; *at; at = found) {
        found = strstr(at, "KEY");
        found = found ? found : at + strlen(at);
        text_add_n(&text, at, (size_t)(found - at));
        if (*found) {
            text_add(&text, public);
            found += 3;
        }
    }
    assert_int_equal(check("ed.sig", MESSAGE, &key), 0);
    int status = sshsig_find_signer(text.bytes, &key, SCOPE, AT_NOON, principal, &error);
    assert_true(status == 0 || status == -ENOKEY);
    return status == 0 ? principal : NULL;
}

static void a_line_says_whose_key_it_is(void **state)
{
    (void)state;
    assert_string_equal(who("# people\n\nalice@brandconnect KEY\n"), "alice@brandconnect");
    assert_string_equal(who("\"alice\",bob KEY"), "alice");
    assert_string_equal(who("alice namespaces=\"git,runbookd-*\" KEY"), "alice");
    assert_string_equal(who("alice valid-after=\"20261101Z\",valid-before=\"20261122Z\" KEY"),
                        "alice");
    assert_string_equal(who("old valid-before=\"20261101Z\" KEY\nalice KEY"), "alice");
}

static void what_a_line_does_not_allow_is_nobodys(void **state)
{
    (void)state;
    assert_null(who(""));
    assert_null(who(
        "alice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBmYnrQYFgCKyIl2S6NO5tK/Kv5/3n3sYbkwy12uWVHL"));
    assert_null(who("#alice KEY"));
    assert_null(who("alice namespaces=\"git\" KEY"));
    assert_null(who("alice valid-after=\"20261201Z\" KEY"));
    assert_null(who("alice valid-before=\"20261121Z\" KEY"));
    assert_null(who("alice valid-before=\"never\" KEY"));
    assert_null(who("alice cert-authority KEY"));
    assert_null(who("alice something=\"new\" KEY"));
    assert_null(who("*@brandconnect KEY"));
    assert_null(who("KEY"));
    assert_null(who("alice ssh-ed25519"));
}

static void the_fingerprint_is_that_of_ssh_keygen(void **state)
{
    struct sshsig_key key;
    (void)state;
    run("ssh-keygen -lf ed.pub > print");
    MEM_AUTO char *print = read_file("print");
    assert_int_equal(check("ed.sig", MESSAGE, &key), 0);
    assert_non_null(strstr(print, key.fingerprint));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_key_of_any_kind_has_signed_counts),
        cmocka_unit_test(another_purpose_and_a_weak_key_do_not),
        cmocka_unit_test(no_byte_of_it_can_be_another),
        cmocka_unit_test(what_is_cut_off_anywhere_is_none),
        cmocka_unit_test(marks_that_share_their_dashes_are_none),
        cmocka_unit_test(a_line_says_whose_key_it_is),
        cmocka_unit_test(what_a_line_does_not_allow_is_nobodys),
        cmocka_unit_test(the_fingerprint_is_that_of_ssh_keygen),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
