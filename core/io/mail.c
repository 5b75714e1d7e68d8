#include "io/mail.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/redact.h"
#include "base/text.h"
#include "io/hand.h"
#include "io/resolve.h"
#include "io/tls.h"

enum {
    LONGEST_LINE = sizeof(((struct mail_answer *)0)->text),
    LONGEST_PLACE = 4096,
    LOOK_MS = 1000,
    MOST_SOCKETS = 8,
    PORT_SMTP = 25,
    PORT_SMTPS = 465
};

/* The thread's while the hand is at work. */
struct letter {
    atomic_bool stopped;       /* by the loop, at any time ... */
    CURLM *multi;              /* ... which wakes it */
    int sockets[MOST_SOCKETS]; /* that are open; -1: none */
    char *url, *place, *user, *password, *from, *text;
    char *ca, *certificate, *key;
    struct curl_slist *to;
    struct mail_answer *answers; /* one for each of `to` */
    size_t count, asked;         /* of these; how many of them, the last one just now ... */
    bool asking;                 /* ... is what is answered */
    size_t len, read;
    bool numeric; /* the host is an address: nothing is to be looked up */
    long secure, timeout_ms, version;
    enum tls_verify verify;
    int code;
    char answered[LONGEST_LINE], message[CURL_ERROR_SIZE];
};

struct mailer {
    struct hand *hand;
    struct letter *letter; /* the hand's */
    struct life life;
    mail_fn *fn;
    void *data;
};

static void wipe(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

static void letter_empty(struct letter *letter)
{
    wipe(&letter->password);
    char *all[] = {letter->url,
                   letter->place,
                   letter->user,
                   letter->from,
                   letter->text,
                   letter->ca,
                   letter->certificate,
                   letter->key,
                   (char *)letter->answers};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        free(all[i]);
    curl_slist_free_all(letter->to);
    memset(&letter->url, 0, sizeof(*letter) - offsetof(struct letter, url));
}

/* ------------------------------------------------------------- the thread ---- */

static size_t on_read(char *to, size_t size, size_t count, void *data)
{
    struct letter *letter = data;
    size_t room = size * count, left = letter->len - letter->read;
    size_t len = left < room ? left : room;
    memcpy(to, letter->text + letter->read, len);
    letter->read += len;
    return len;
}

static bool begins_with(const char *data, size_t len, const char *words)
{
    size_t wanted = strlen(words);
    return len >= wanted && strncmp(data, words, wanted) == 0;
}

/* What is said to the server: recipients one by one, in the order of the list. */
static int on_debug(CURL *easy, curl_infotype type, char *said, size_t len, void *data)
{
    struct letter *letter = data;
    (void)easy;
    if (type != CURLINFO_HEADER_OUT)
        return 0;
    if (begins_with(said, len, "MAIL FROM:")) { /* again, where a kept connection had ended */
        letter->asked = 0;
        memset(letter->answers, 0, letter->count * sizeof(*letter->answers));
    }
    letter->asking = begins_with(said, len, "RCPT TO:") && letter->asked < letter->count;
    if (letter->asking)
        letter->asked++;
    return 0;
}

/* What the server says: "550 5.1.1 there is no such user". */
static size_t on_line(char *line, size_t size, size_t count, void *data)
{
    struct letter *letter = data;
    size_t whole = size * count, len = whole;
    while (len && isspace((unsigned char)line[len - 1])) /* its end: CR LF */
        len--;
    if (len >= 3 && (line[0] == '4' || line[0] == '5') && isdigit((unsigned char)line[1]) &&
        isdigit((unsigned char)line[2])) {
        struct text TEXT_AUTO plain;
        text_init(&plain, LONGEST_LINE - 1);
        text_add_plain(&plain, line, len);
        (void)snprintf(letter->answered, sizeof(letter->answered), "%s", plain.bytes);
        int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0';
        if (letter->asking) {
            struct mail_answer *answer = &letter->answers[letter->asked - 1];
            answer->code = code;
            (void)snprintf(answer->text, sizeof(answer->text), "%s", plain.bytes);
        } else {
            letter->code = code;
        }
    }
    return whole;
}

/*
 * Asked again and again while libcurl is at work, where it blocks, too.  Only this makes it give the
 * conversation up: a letter that is merely taken out of its hands it ends as if it were whole.
 */
static int on_progress(void *data, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct letter *letter = data;
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(&letter->stopped);
}

static void note_socket(struct letter *letter, int was, int is)
{
    for (size_t i = 0; i < MOST_SOCKETS; i++) {
        if (letter->sockets[i] == was) {
            letter->sockets[i] = is;
            return;
        }
    }
}

static curl_socket_t on_open(void *data, curlsocktype purpose, struct curl_sockaddr *at)
{
    int fd = socket(at->family, at->socktype | SOCK_CLOEXEC, at->protocol);
    (void)purpose;
    if (fd >= 0)
        note_socket(data, -1, fd);
    return fd; /* -1 is CURL_SOCKET_BAD */
}

static int on_close(void *data, curl_socket_t fd)
{
    note_socket(data, fd, -1);
    return close(fd);
}

static void set_tls(CURL *easy, const struct letter *letter)
{
    (void)curl_easy_setopt(easy, CURLOPT_USE_SSL, letter->secure);
    (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, letter->version);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, (long)(letter->verify != TLS_VERIFY_NONE));
    (void)curl_easy_setopt(
        easy, CURLOPT_SSL_VERIFYHOST, letter->verify == TLS_VERIFY_FULL ? 2L : 0L);
    if (letter->ca) {
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, letter->ca);
        (void)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    if (letter->certificate) {
        (void)curl_easy_setopt(easy, CURLOPT_SSLCERT, letter->certificate);
        (void)curl_easy_setopt(easy, CURLOPT_SSLKEY, letter->key);
    }
}

static void set_all(CURL *easy, struct letter *letter, struct curl_slist *place)
{
    (void)curl_easy_setopt(easy, CURLOPT_URL, letter->url);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    if (place)
        (void)curl_easy_setopt(easy, CURLOPT_RESOLVE, place);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, letter->timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, letter->message);
    (void)curl_easy_setopt(easy, CURLOPT_MAIL_FROM, letter->from);
    (void)curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, letter->to);
    (void)curl_easy_setopt(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    (void)curl_easy_setopt(easy, CURLOPT_READDATA, letter);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_line);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, letter);
    (void)curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(easy, CURLOPT_XFERINFODATA, letter);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, letter);
    (void)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    (void)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, letter);
    (void)curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L); /* or it is not asked */
    (void)curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_debug);
    (void)curl_easy_setopt(easy, CURLOPT_DEBUGDATA, letter);
    (void)curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L); /* to on_debug(), which prints nothing */
    if (letter->user) {
        (void)curl_easy_setopt(easy, CURLOPT_USERNAME, letter->user);
        (void)curl_easy_setopt(easy, CURLOPT_PASSWORD, letter->password);
    }
    set_tls(easy, letter);
}

static int status_of(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_COULDNT_CONNECT:
        return -ECONNREFUSED;
    case CURLE_OPERATION_TIMEDOUT:
        return -ETIMEDOUT;
    case CURLE_LOGIN_DENIED:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_USE_SSL_FAILED:
        return -EACCES;
    default:
        return -EPROTO;
    }
}

/* As curl_easy_perform(), but it can be woken up, to see at once that it is stopped. */
static CURLcode perform(CURLM *multi, CURL *easy)
{
    CURLcode code = CURLE_ABORTED_BY_CALLBACK;
    int running = 1, left;
    (void)curl_multi_add_handle(multi, easy);
    while (running && curl_multi_perform(multi, &running) == CURLM_OK)
        if (running)
            (void)curl_multi_poll(multi, NULL, 0, LOOK_MS, NULL);
    for (const CURLMsg *said; (said = curl_multi_info_read(multi, &left));)
        if (said->msg == CURLMSG_DONE)
            code = said->data.result;
    (void)curl_multi_remove_handle(multi, easy);
    return code;
}

static int work(void *state)
{
    struct letter *letter = state;
    CURL *easy = curl_easy_init();
    struct curl_slist *place = letter->numeric ? NULL : curl_slist_append(NULL, letter->place);
    if (!easy) {
        curl_slist_free_all(place);
        return -ENOMEM;
    }
    set_all(easy, letter, place);
    CURLcode code = perform(letter->multi, easy);
    if (code != CURLE_OK && !*letter->message)
        (void)snprintf(letter->message, sizeof(letter->message), "%s", curl_easy_strerror(code));
    curl_easy_cleanup(easy);
    curl_slist_free_all(place);
    return status_of(code);
}

static void drop(void *state)
{
    struct letter *letter = state;
    letter_empty(letter);
    for (size_t i = 0; i < MOST_SOCKETS; i++)
        if (letter->sockets[i] >= 0) /* libcurl says QUIT, and would wait minutes for an answer */
            (void)shutdown(letter->sockets[i], SHUT_RD);
    (void)curl_multi_cleanup(letter->multi);
    free(letter);
}

/* --------------------------------------------------------------- the loop ---- */

static void tell(struct mailer *mailer, const struct mail_end *end)
{
    mail_fn *fn = mailer->fn;
    mailer->fn = NULL;
    fn(end, mailer->data);
}

/* Recipients' answers are printed too: nothing of a secret is in them. */
static void redact_answers(struct letter *letter)
{
    for (size_t i = 0; i < letter->count; i++) {
        MEM_AUTO char *safe = redact_copy(letter->answers[i].text, LONGEST_LINE - 1);
        (void)snprintf(letter->answers[i].text, LONGEST_LINE, "%s", safe);
    }
}

static void on_done(int status, void *data)
{
    struct mailer *mailer = data;
    struct letter *letter = mailer->letter;
    MEM_AUTO char *said = redact_copy(letter->answered, LONGEST_LINE);
    MEM_AUTO char *why = redact_copy(letter->message, LONGEST_LINE);
    MEM_AUTO char *message =
        mem_print("%s%s%s%s", why, *said ? " (it answered " : "", said, *said ? ")" : "");
    redact_answers(letter);
    MEM_AUTO struct mail_answer *answers = letter->answers;
    const struct mail_end end = {.status = status,
                                 .code = status == 0 ? 250 : letter->code,
                                 .message = status == 0 ? NULL : message,
                                 .answers = answers};
    letter->answers = NULL;
    letter_empty(letter);
    tell(mailer, &end);
}

static long version_of(const struct probe_tls *tls)
{
    enum { TLS_1_0 = 0x0301, TLS_1_1, TLS_1_2, TLS_1_3 };
    switch (tls->lowest) {
    case TLS_1_0:
        return CURL_SSLVERSION_TLSv1_0;
    case TLS_1_1:
        return CURL_SSLVERSION_TLSv1_1;
    case TLS_1_3:
        return CURL_SSLVERSION_TLSv1_3;
    default:
        return CURL_SSLVERSION_TLSv1_2;
    }
}

static void take_tls(struct letter *letter, const struct mail_wish *wish)
{
    static const struct probe_tls none;
    static const long secure[] = {[MAIL_TLS] = CURLUSESSL_ALL,
                                  [MAIL_STARTTLS] = CURLUSESSL_ALL,
                                  [MAIL_IF_OFFERED] = CURLUSESSL_TRY,
                                  [MAIL_CLEAR] = CURLUSESSL_NONE};
    const struct probe_tls *tls = wish->tls ? wish->tls : &none;
    letter->secure = secure[wish->secure];
    letter->verify = tls->verify;
    letter->version = version_of(tls);
    letter->ca = mem_copy(tls->ca);
    letter->certificate = mem_copy(tls->certificate);
    letter->key = mem_copy(tls->key ? tls->key : tls->certificate);
}

static void write_letter(struct letter *letter, const struct mail_wish *wish)
{
    const char *name = wish->tls && wish->tls->name ? wish->tls->name : wish->host;
    unsigned port = wish->port ? wish->port : wish->secure == MAIL_TLS ? PORT_SMTPS : PORT_SMTP;
    bool bare = strchr(name, ':') != NULL;
    letter->numeric = resolve_numeric(name) != 0;
    letter->url = mem_print("%s://%s%s%s:%u",
                            wish->secure == MAIL_TLS ? "smtps" : "smtp",
                            bare ? "[" : "",
                            name,
                            bare ? "]" : "",
                            port);
    letter->place = mem_print("%s:%u:", name, port); /* its addresses follow */
    letter->user = mem_copy(wish->user);
    letter->password = mem_copy(wish->password);
    letter->from = mem_print("<%s>", wish->from);
    letter->text = mem_copy_n(wish->text, wish->len);
    letter->len = wish->len;
    letter->timeout_ms = (long)wish->timeout_ms;
    for (const char *const *to = wish->to; *to; to++) {
        MEM_AUTO char *address = mem_print("<%s>", *to);
        letter->to = curl_slist_append(letter->to, address);
        letter->count++;
    }
    letter->answers = mem_array(letter->count, sizeof(*letter->answers));
    take_tls(letter, wish);
}

static void on_resolved(int status, const char *const *addresses, size_t count, void *data)
{
    struct mailer *mailer = data;
    struct letter *letter = mailer->letter;
    struct text TEXT_AUTO place;
    text_init(&place, LONGEST_PLACE);
    if (status < 0 || count == 0) {
        letter_empty(letter);
        status = status ? status : -ENOENT;
        tell(mailer,
             &(const struct mail_end){.status = status, .message = resolve_problem(status)});
        return;
    }
    text_add(&place, letter->place);
    for (size_t i = 0; i < count; i++)
        text_print(
            &place, strchr(addresses[i], ':') ? "%s[%s]" : "%s%s", i ? "," : "", addresses[i]);
    free(letter->place);
    letter->place = text_take(&place);
    hand_do(mailer->hand, on_done, mailer);
}

struct mailer *mailer_open(struct loop *loop)
{
    struct mailer *mailer = mem_new(sizeof(*mailer));
    if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) /* counted; before its thread needs it */
        abort();
    mailer->letter = mem_new(sizeof(*mailer->letter));
    atomic_init(&mailer->letter->stopped, false);
    for (size_t i = 0; i < MOST_SOCKETS; i++)
        mailer->letter->sockets[i] = -1;
    mailer->letter->multi = curl_multi_init();
    mailer->hand = mailer->letter->multi ? hand_open(loop, work, drop, mailer->letter) : NULL;
    if (!mailer->hand) {
        (void)curl_multi_cleanup(mailer->letter->multi);
        free(mailer->letter);
        free(mailer);
        return NULL;
    }
    life_init(&mailer->life, loop);
    return mailer;
}

void mailer_send(struct mailer *mailer, const struct mail_wish *wish, mail_fn *fn, void *data)
{
    mailer->fn = fn;
    mailer->data = data;
    write_letter(mailer->letter, wish);
    (void)resolve_start(&mailer->life, wish->host, 0, on_resolved, mailer);
}

void mailer_close(struct mailer *mailer)
{
    if (!mailer)
        return;
    life_drop(&mailer->life);
    atomic_store(&mailer->letter->stopped, true);
    (void)curl_multi_wakeup(mailer->letter->multi);
    hand_close(mailer->hand, 0); /* it ends by itself, and a reload does not wait for it */
    free(mailer);
}
