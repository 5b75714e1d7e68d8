#include "io/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

enum { LINE = 128, BYTES = LINE * CRASH_NOTES, SPARE_STACK = 32 << 10 };

static const struct {
    int number;
    const char *name;
} crashes[] = {
    {SIGSEGV, "SIGSEGV"},
    {SIGBUS, "SIGBUS"},
    {SIGFPE, "SIGFPE"},
    {SIGILL, "SIGILL"},
    {SIGABRT, "SIGABRT"},
    {SIGSYS, "SIGSYS"},
};

/* What the handler works on: made before the first crash can come, never changed while it may. */
static struct {
    int file;
    off_t place; /* of the line that is written next */
    bool watching;
    atomic_flag written; /* of several threads that crash at once the first one counts */
    struct sigaction before[COUNT_OF(crashes)];
} watch = {.file = -1, .written = ATOMIC_FLAG_INIT};

/* ------------------------------------------------------------- the handler ---- */

/* From here to crash_open(): only what POSIX allows in a handler. */

static char *put_number(char *at, int64_t number)
{
    char digits[20];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (count > 0)
        *at++ = digits[--count];
    *at++ = ' ';
    return at;
}

static void note(int number, const struct blame *who)
{
    char line[LINE];
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    char *at = put_number(line, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    at = put_number(at, number);
    for (const char *from = who->text; *from && at < line + LINE - 1; from++)
        *at++ = *from;
    while (at < line + LINE - 1)
        *at++ = ' ';
    *at = '\n';
    ssize_t ignored = pwrite(watch.file, line, LINE, watch.place);
    (void)ignored;
}

/* What a process that is none of ours has sent says nothing of who runs. */
static bool is_our_own(const siginfo_t *info)
{
    return info->si_code > 0 || info->si_pid == getpid();
}

static void on_crash(int number, siginfo_t *info, void *context)
{
    const struct blame *who = blame_running;
    int saved = errno;
    (void)context;
    if (who && *who->text && is_our_own(info) && !atomic_flag_test_and_set(&watch.written))
        note(number, who);
    for (size_t i = 0; i < COUNT_OF(crashes); i++)
        if (crashes[i].number == number)
            (void)sigaction(number, &watch.before[i], NULL);
    if (info->si_code <= 0) /* it was sent; else the same instruction raises it once more */
        (void)raise(number);
    errno = saved;
}

void crash_note_hang(const struct blame *who)
{
    if (watch.file >= 0 && *who->text && !atomic_flag_test_and_set(&watch.written))
        note(CRASH_HUNG, who);
}

void crash_guard_thread(void)
{
    static _Thread_local char spare[SPARE_STACK];
    static _Thread_local bool guarded;
    stack_t present;
    if (guarded)
        return;
    guarded = true;
    if (sigaltstack(NULL, &present) == 0 && (present.ss_flags & SS_DISABLE))
        (void)sigaltstack(&(stack_t){.ss_sp = spare, .ss_size = sizeof(spare)}, NULL);
}

static void install(void)
{
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < COUNT_OF(crashes); i++)
        (void)sigaction(crashes[i].number, &action, &watch.before[i]);
    watch.watching = true;
}

/* ---------------------------------------------------------------- the file ---- */

/* One line; false: it is none of ours. */
static bool read_line(const char *line, struct crash_note *note)
{
    char text[LINE], *end;
    memcpy(text, line, LINE);
    text[LINE - 1] = '\0';
    errno = 0;
    note->wall_ms = strtoll(text, &end, 10);
    if (end == text || *end != ' ' || errno || note->wall_ms <= 0)
        return false;
    char *rest;
    note->signal = (int)strtol(end, &rest, 10);
    if (rest == end || *rest != ' ')
        return false;
    rest++;
    size_t len = strlen(rest);
    while (len > 0 && rest[len - 1] == ' ')
        len--;
    if (len == 0 || len >= sizeof(note->who.text))
        return false;
    memcpy(note->who.text, rest, len);
    note->who.text[len] = '\0';
    return true;
}

static int by_time(const void *a, const void *b)
{
    int64_t one = ((const struct crash_note *)a)->wall_ms;
    int64_t other = ((const struct crash_note *)b)->wall_ms;
    return (one > other) - (one < other);
}

/* Sorts the notes; the next line takes the place of what is none, else of the oldest. */
static int read_notes(const char *bytes, struct crash_note *notes)
{
    size_t count = 0, place = CRASH_NOTES, oldest = 0;
    int64_t oldest_ms = INT64_MAX;
    for (size_t i = 0; i < CRASH_NOTES; i++) {
        if (!read_line(bytes + i * LINE, &notes[count])) {
            place = place < i ? place : i;
            continue;
        }
        if (notes[count].wall_ms < oldest_ms) {
            oldest_ms = notes[count].wall_ms;
            oldest = i;
        }
        count++;
    }
    watch.place = (off_t)((place < CRASH_NOTES ? place : oldest) * LINE);
    qsort(notes, count, sizeof(*notes), by_time);
    return (int)count;
}

/* All of it is written now: a disk that is full later on keeps no crash from being noted. */
static int make_room(int file, char *bytes, ssize_t len)
{
    for (size_t i = len > 0 ? (size_t)len : 0; i < BYTES; i++)
        bytes[i] = i % LINE == LINE - 1 ? '\n' : ' ';
    if (len == BYTES)
        return 0;
    ssize_t written = pwrite(file, bytes, BYTES, 0);
    return written == BYTES ? 0 : written < 0 ? -errno : -ENOSPC;
}

int crash_open(const char *path, struct crash_note notes[CRASH_NOTES], struct error *error)
{
    char bytes[BYTES];
    struct stat status;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (file < 0)
        return error_set(error, -errno, "cannot open %s: %s", path, strerror(errno));
    int failed = fstat(file, &status) < 0 ? -errno
                 : !S_ISREG(status.st_mode) || status.st_uid != geteuid()
                     ? -EPERM
                     : make_room(file, bytes, pread(file, bytes, BYTES, 0));
    if (failed) {
        (void)close(file);
        return error_set(error,
                         failed,
                         "cannot use %s: %s",
                         path,
                         failed == -EPERM ? "it is no file of ours" : strerror(-failed));
    }
    watch.file = file;
    int count = read_notes(bytes, notes);
    crash_guard_thread();
    if (!watch.watching)
        install();
    return count;
}

void crash_close(void)
{
    for (size_t i = 0; watch.watching && i < COUNT_OF(crashes); i++)
        (void)sigaction(crashes[i].number, &watch.before[i], NULL);
    watch.watching = false;
    if (watch.file >= 0)
        (void)close(watch.file);
    watch.file = -1;
}

const char *crash_signal_name(int number)
{
    for (size_t i = 0; i < COUNT_OF(crashes); i++)
        if (crashes[i].number == number)
            return crashes[i].name;
    return number == CRASH_HUNG ? "it stood still" : "a signal";
}
