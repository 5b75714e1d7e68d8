#include "app/signer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/sshsig.h"

/* The statement fits a pipe's buffer, so that nobody waits for anybody. */
static bool run(const char *key, const struct text *statement, struct text *out)
{
    int in[2], back[2], status = 0;
    char bytes[4096];
    ssize_t len;
    if (pipe(in) < 0 || pipe(back) < 0)
        return false;
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(in[0], STDIN_FILENO);
        (void)dup2(back[1], STDOUT_FILENO);
        for (size_t i = 0; i < 2; i++) {
            (void)close(in[i]);
            (void)close(back[i]);
        }
        (void)execlp("ssh-keygen",
                     "ssh-keygen",
                     "-q",
                     "-Y",
                     "sign",
                     "-f",
                     key,
                     "-n",
                     STATEMENT_SCOPE,
                     (char *)NULL);
        (void)fprintf(stderr, "runbookd: cannot run ssh-keygen: %s\n", strerror(errno));
        _exit(127);
    }
    (void)close(in[0]);
    (void)close(back[1]);
    bool sent =
        child > 0 && write(in[1], statement->bytes, statement->len) == (ssize_t)statement->len;
    (void)close(in[1]);
    while ((len = read(back[0], bytes, sizeof(bytes))) > 0)
        text_add_n(out, bytes, (size_t)len);
    (void)close(back[0]);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 && sent && !out->cut;
}

bool signer_sign(const char *key, const struct statement *statement, struct text *out)
{
    struct text TEXT_AUTO text;
    text_init(&text, STATEMENT_LONGEST);
    statement_print(statement, &text);
    (void)signal(SIGPIPE, SIG_IGN);
    if (!text.cut && run(key, &text, out))
        return true;
    (void)fprintf(stderr, "runbookd: nothing was signed with %s, and nothing is decided\n", key);
    return false;
}
