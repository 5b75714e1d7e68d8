#include "io/secret.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/redact.h"
#include "base/text.h"

enum { TEXT_MAX = 64 << 10, FILE_MAX = 64 << 10, MOST_PIECES = 64, KEPT_MS = 1000 };

enum kind { LITERAL, VARIABLE, CONTENT };

/* A stretch of the operator's text. */
struct piece {
    enum kind kind;
    char *text;     /* the literal, the variable's name, the file's path */
    char *fallback; /* of a variable; NULL: none */
};

struct probe_secret {
    struct piece *pieces;
    size_t count;
    char *shown;
    char *value; /* NULL: not read yet, or not to be read */
    bool fresh;  /* `value` is what reading gave at `read_ms` */
    bool open;   /* hides nothing */
    bool moving; /* refers to a file, which may change */
    uint64_t read_ms;
};

static uint64_t real_clock(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static uint64_t (*clock_ms)(void) = real_clock;

void secret_use_clock(uint64_t (*now_ms)(void))
{
    clock_ms = now_ms ? now_ms : real_clock;
}

static void wipe(char *string)
{
    if (string)
        explicit_bzero(string, strlen(string));
    free(string);
}

/* --------------------------------------------------------------- parse ---- */

static struct piece *add_piece(struct probe_secret *secret, enum kind kind, char *text)
{
    secret->pieces = mem_resize(secret->pieces, (secret->count + 1) * sizeof(*secret->pieces));
    secret->pieces[secret->count] = (struct piece){kind, text, NULL};
    return &secret->pieces[secret->count++];
}

/* "${" in place of each "$${". */
static char *unescaped(const char *text, size_t len)
{
    char *plain = mem_copy_n(text, len), *to = plain;
    for (const char *from = text; from < text + len; from++) {
        if (strncmp(from, "$${", 3) == 0 && text + len - from >= 3)
            continue;
        *to++ = *from;
    }
    *to = '\0';
    return plain;
}

bool secret_is_foreign(const char *text)
{
    static const char *const words[] = {
        "${captured:", "${with.", "${before.", "${plan.", "${event}", "${event.", "${notice."};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strncmp(text, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

/* Where the first reference from `text` on begins; its end where there is none. */
static const char *next_reference(const char *text)
{
    for (; *text; text++) {
        if (strncmp(text, "$${", 3) == 0)
            text += 2;
        else if (strncmp(text, "${", 2) == 0 && !secret_is_foreign(text))
            break;
    }
    return text;
}

bool secret_has_reference(const char *text)
{
    return text && *next_reference(text);
}

static bool is_variable(const char *name)
{
    if (!isalpha((unsigned char)*name) && *name != '_')
        return false;
    while (isalnum((unsigned char)*name) || *name == '_')
        name++;
    return *name == '\0';
}

/* `inside` is what stands between the braces. */
static int add_reference(struct probe_secret *secret, char *inside, struct error *error)
{
    if (strncmp(inside, "env:", 4) == 0) {
        char *fallback = strstr(inside + 4, ":-");
        if (fallback)
            *fallback = '\0';
        if (!is_variable(inside + 4))
            return error_set(error, -EINVAL, "${env:...} does not name an environment variable");
        struct piece *piece = add_piece(secret, VARIABLE, mem_copy(inside + 4));
        piece->fallback = fallback ? mem_copy(fallback + 2) : NULL;
        return 0;
    }
    if (strncmp(inside, "file:", 5) == 0) {
        if (inside[5] != '/')
            return error_set(error, -EINVAL, "${file:%s} is not an absolute path", inside + 5);
        add_piece(secret, CONTENT, mem_copy(inside + 5));
        secret->moving = true;
        return 0;
    }
    /* What stands there may be a password with a "${" in it: it is not repeated. */
    error_set(error, -EINVAL, "a reference is neither ${env:NAME} nor ${file:/path}");
    return error_hint(error, "for a plain \"${\" write $${");
}

static int parse(struct probe_secret *secret, const char *text, struct error *error)
{
    if (strlen(text) > TEXT_MAX)
        return error_set(error, -EINVAL, "a secret is longer than 64 KiB");
    while (*text) {
        const char *start = next_reference(text), *end = strchr(start, '}');
        if (start > text)
            add_piece(secret, LITERAL, unescaped(text, (size_t)(start - text)));
        if (!*start)
            return 0;
        if (!end)
            return error_hint(
                (error_set(error, -EINVAL, "a reference \"${\" is not closed by \"}\""), error),
                "for a plain \"${\" write $${");
        if (secret->count >= MOST_PIECES)
            return error_set(error, -EINVAL, "a secret has more than %d references", MOST_PIECES);
        char *inside = mem_copy_n(start + 2, (size_t)(end - start - 2));
        int status = add_reference(secret, inside, error);
        wipe(inside);
        if (status < 0)
            return status;
        text = end + 1;
    }
    return 0;
}

static char *show(const struct probe_secret *secret)
{
    struct text shown;
    text_init(&shown, 2 * TEXT_MAX);
    for (size_t i = 0; i < secret->count; i++) {
        const struct piece *piece = &secret->pieces[i];
        if (piece->kind == LITERAL)
            text_add(&shown, REDACT_MARK);
        else if (piece->kind == CONTENT)
            text_print(&shown, "${file:%s}", piece->text);
        else if (piece->fallback && *piece->fallback)
            text_print(&shown, "${env:%s:-" REDACT_MARK "}", piece->text);
        else
            text_print(&shown, "${env:%s%s}", piece->text, piece->fallback ? ":-" : "");
    }
    return text_take(&shown);
}

struct probe_secret *secret_create(const char *text, struct error *error)
{
    struct probe_secret *secret = mem_new(sizeof(*secret));
    if (parse(secret, text, error) < 0) {
        secret_destroy(secret);
        return NULL;
    }
    secret->shown = show(secret);
    return secret;
}

void secret_destroy(struct probe_secret *secret)
{
    if (!secret)
        return;
    for (size_t i = 0; i < secret->count; i++) {
        wipe(secret->pieces[i].text);
        wipe(secret->pieces[i].fallback);
    }
    free(secret->pieces);
    free(secret->shown);
    wipe(secret->value);
    free(secret);
}

/* ---------------------------------------------------------------- read ---- */

static ssize_t read_whole(int fd, char *bytes, size_t room)
{
    size_t len = 0;
    while (len < room) {
        ssize_t n = read(fd, bytes + len, room - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

static int read_open_file(int fd, const char *path, char **ret_value, struct error *error)
{
    struct stat stat;
    if (fstat(fd, &stat) == 0 && !S_ISREG(stat.st_mode))
        return error_set(error, -EINVAL, "${file:%s} is not a regular file", path);
    char *bytes = mem_new(FILE_MAX + 1);
    ssize_t len = read_whole(fd, bytes, FILE_MAX + 1);
    int status = 0;
    while (len > 0 && len <= FILE_MAX && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
        len--;
    if (len < 0)
        status = error_set(error, (int)len, "${file:%s}: %s", path, strerror(-(int)len));
    else if (len > FILE_MAX)
        status = error_set(error, -EFBIG, "${file:%s} is longer than 64 KiB", path);
    else if (len == 0)
        status = error_set(error, -ENODATA, "${file:%s} is empty", path);
    else if (memchr(bytes, '\0', (size_t)len))
        status = error_set(error, -EINVAL, "${file:%s} holds a NUL byte: it is not text", path);
    else
        *ret_value = mem_copy_n(bytes, (size_t)len);
    explicit_bzero(bytes, FILE_MAX + 1);
    free(bytes);
    return status;
}

static int read_file(const char *path, char **ret_value, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return error_set(error, -errno, "${file:%s}: %s", path, strerror(errno));
    int status = read_open_file(fd, path, ret_value, error);
    (void)close(fd);
    return status;
}

static int read_piece(const struct piece *piece, char **ret_value, struct error *error)
{
    if (piece->kind == CONTENT)
        return read_file(piece->text, ret_value, error);
    if (piece->kind == LITERAL) {
        *ret_value = mem_copy(piece->text);
        return 0;
    }
    const char *value = getenv(piece->text);
    if ((!value || !*value) && piece->fallback)
        value = piece->fallback;
    if (!value)
        return error_set(error, -ENOENT, "${env:%s} is not set", piece->text);
    *ret_value = mem_copy(value);
    return 0;
}

static char *joined(char *const *values, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += strlen(values[i]); /* NOLINT: read_value() has filled them all */
    char *whole = mem_new(len + 1), *end = whole;
    for (size_t i = 0; i < count; i++)
        end = stpcpy(end, values[i]);
    return whole;
}

/* `known_to_redact`: everything that is read; otherwise only what came from files. */
static int read_value(const struct probe_secret *secret, bool known_to_redact, char **ret_value,
                      struct error *error)
{
    char *values[2 * MOST_PIECES] = {NULL};
    int status = 0;
    for (size_t i = 0; i < secret->count && status == 0; i++) {
        enum kind kind = secret->pieces[i].kind;
        status = read_piece(&secret->pieces[i], &values[i], error);
        if (status == 0 && (kind == CONTENT || (kind == VARIABLE && known_to_redact)))
            redact_learn(values[i]);
    }
    if (status == 0) {
        *ret_value = joined(values, secret->count);
        if (known_to_redact)
            redact_learn(*ret_value);
    }
    for (size_t i = 0; i < secret->count; i++)
        wipe(values[i]);
    return status;
}

static int renew(struct probe_secret *secret, struct error *error)
{
    char *value = NULL;
    int status = read_value(secret, !secret->open, &value, error);
    if (value && secret->value && strcmp(value, secret->value) == 0) {
        wipe(value);
    } else {
        wipe(secret->value);
        secret->value = value;
    }
    secret->fresh = true;
    secret->read_ms = clock_ms();
    return status;
}

void secret_set_open(struct probe_secret *secret)
{
    secret->open = true;
}

int secret_check(struct probe_secret *secret, struct error *error)
{
    return renew(secret, error);
}

const char *secret_reveal(struct probe_secret *secret)
{
    struct error ignored;
    if (secret->moving && clock_ms() - secret->read_ms >= KEPT_MS)
        secret->fresh = false;
    if (!secret->fresh)
        (void)renew(secret, &ignored);
    return secret->value;
}

const char *secret_shown(const struct probe_secret *secret)
{
    return secret->shown;
}

void secret_forget(struct probe_secret *secret)
{
    secret->fresh = false;
}

char *secret_expand(const char *text, struct error *error)
{
    char *value = NULL;
    struct probe_secret *parsed = secret_create(text, error);
    if (parsed)
        (void)read_value(parsed, false, &value, error);
    secret_destroy(parsed);
    return value;
}
