#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "common/json_path.h"

enum { LONGEST_SAID = 240 };

static void *owned(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

/* -------------------------------------------------------------- secrets ---- */

/* What is no reference of the operator's cannot be known to be secret but by its name. */
static bool sounds_secret(const char *name, size_t len)
{
    static const char *const words[] = {"password",
                                        "passwd",
                                        "secret",
                                        "token",
                                        "api_key",
                                        "apikey",
                                        "authorization",
                                        "credential"};
    char own[64];
    (void)snprintf(own, sizeof(own), "%.*s", (int)len, name);
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcasestr(own, words[i]))
            return true;
    return false;
}

/* Takes out what was written into the declaration itself: what was filled in is to be approved. */
static void mask(json_t *shown, const json_t *declared)
{
    json_t *part;
    const char *key;
    size_t i;
    json_object_foreach(shown, key, part) {
        const json_t *own = json_object_get(declared, key);
        if (!json_is_string(own) || !sounds_secret(key, strlen(key)))
            mask(part, own);
        else if (strncmp(json_string_value(own), "${", 2) != 0)
            (void)json_string_set(part, MESSAGE_MARK);
    }
    json_array_foreach(shown, i, part)
        mask(part, json_array_get(declared, i));
}

char *message_url(const struct http_config *config, const char *path)
{
    const char *base = config->url->shown, *query = strchr(path, '?');
    char *url = NULL;
    size_t len = strlen(base), url_len;
    FILE *out = owned(open_memstream(&url, &url_len));
    while (len > 0 && base[len - 1] == '/')
        len--;
    (void)fprintf(out, "%.*s%.*s", (int)len, base, (int)(query ? query - path : -1), path);
    while (query) {
        const char *next = strchr(query + 1, '&');
        size_t name = 1 + strcspn(query + 1, "=&"),
               whole = next ? (size_t)(next - query) : strlen(query);
        bool hide = name < whole && sounds_secret(query + 1, name - 1);
        (void)fprintf(
            out, "%.*s%s", (int)(hide ? name + 1 : whole), query, hide ? MESSAGE_MARK : "");
        query = next;
    }
    (void)fclose(out);
    return url;
}

/* ----------------------------------------------------------------- bodies ---- */

static bool compose_json(struct message *message, const char *json, struct blanks *blanks)
{
    json_t *declared = json_loads(json, JSON_DECODE_ANY, NULL);
    message->body = blanks_json(blanks, json);
    message->shown = message->body ? json_loads(message->body, JSON_DECODE_ANY, NULL) : NULL;
    if (message->shown)
        mask(message->shown, declared);
    json_decref(declared);
    return message->shown != NULL;
}

static bool compose_form(struct message *message, const struct probe_pair *form,
                         struct blanks *blanks, struct probe_life *life)
{
    message->shown = json_object();
    for (; form->name; form++) {
        const char *secret = form->secret ? probe_reveal(life, form->secret) : NULL;
        char *value = form->secret ? secret ? owned(strdup(secret)) : NULL
                                   : blanks_text(blanks, form->value, BLANKS_FOR_JSON);
        bool literal = !form->secret && strncmp(form->value, "${", 2) != 0;
        bool hide = form->secret || (literal && sounds_secret(form->name, strlen(form->name)));
        if (!value) {
            if (form->secret)
                (void)snprintf(
                    blanks->why, sizeof(blanks->why), "form.%.80s cannot be read", form->name);
            return false;
        }
        message->body = blanks_field(message->body, form->name, value);
        (void)json_object_set_new(
            message->shown, form->name, json_string(hide ? MESSAGE_MARK : value));
        explicit_bzero(value, strlen(value));
        free(value);
    }
    return true;
}

static bool compose_text(struct message *message, const char *body, struct blanks *blanks)
{
    message->body = blanks_text(blanks, body, BLANKS_FOR_FORM);
    message->shown = message->body ? json_string(message->body) : NULL;
    return message->shown != NULL;
}

/* ---------------------------------------------------------------- headers ---- */

/* `type` is the body's, unless the operator says another; NULL: there is none. */
static bool compose_headers(struct message *message, const struct probe_pair *headers,
                            const char *type, struct blanks *blanks)
{
    size_t count = 0;
    message->headers = owned(calloc(ask_count(headers) + 2, sizeof(*message->headers)));
    if (type && !ask_has(headers, "content-type"))
        message->headers[count++] =
            (struct probe_pair){.name = "Content-Type", .value = owned(strdup(type))};
    for (; headers && headers->name; headers++) {
        struct probe_pair *pair = &message->headers[count];
        if (!headers->secret &&
            !(pair->value = blanks_text(blanks, headers->value, BLANKS_FOR_HEADER)))
            return false;
        pair->name = headers->name;
        pair->secret = headers->secret;
        count++;
    }
    return true;
}

/* ---------------------------------------------------------------- message ---- */

static const char *first(const char *own, const char *otherwise)
{
    return http_given(own) ? own : otherwise;
}

/* What takes it back has a body of its own, or none. */
static bool compose_body(struct message *message, const struct declared *declared, bool undo,
                         struct blanks *blanks, struct probe_life *life, const char **ret_type)
{
    const struct declared_request *request = declared->request;
    const char *json = undo ? declared->undo->json : request->json;
    const char *body = undo ? declared->undo->body : request->body;
    const struct probe_pair *form = undo ? NULL : request->form;
    *ret_type = http_given(json) ? "application/json"
                : form           ? "application/x-www-form-urlencoded"
                                 : NULL;
    if (http_given(json))
        return compose_json(message, json, blanks);
    if (http_given(body))
        return compose_text(message, body, blanks);
    return !form || !form->name || compose_form(message, form, blanks, life);
}

bool message_compose(struct message *message, const struct declared *declared, bool undo,
                     struct blanks *blanks, struct probe_run *run)
{
    const struct declared_request *request = declared->request;
    const char *type = NULL;
    *message = (struct message){
        .method = undo ? first(declared->undo->method, declared_method(request))
                       : declared_method(request),
        .path = blanks_text(blanks,
                            undo ? first(declared->undo->path, request->path) : request->path,
                            BLANKS_FOR_PATH),
        .bearer = request->bearer,
    };
    if (message->path && compose_body(message, declared, undo, blanks, &run->life, &type) &&
        compose_headers(message, request->headers, type, blanks)) {
        message->url = message_url(run->target->config, message->path);
        return true;
    }
    message_finish(message);
    return false;
}

void message_finish(struct message *message)
{
    for (struct probe_pair *pair = message->headers; pair && (pair->name || pair->value); pair++)
        free((char *)pair->value);
    if (message->body)
        explicit_bzero(message->body, strlen(message->body));
    free(message->headers);
    free(message->path);
    free(message->body);
    free(message->url);
    json_decref(message->shown);
    *message = (struct message){0};
}

json_t *message_describe(const struct message *message, const struct http_config *config)
{
    json_t *names = json_array();
    bool login = message->bearer || config->bearer || config->password ||
                 (config->oauth2 && config->oauth2->name);
    if (login)
        (void)json_array_append_new(names, json_string("Authorization"));
    for (const struct probe_pair *pair = config->headers; pair && pair->name; pair++)
        if (!ask_has(message->headers, pair->name))
            (void)json_array_append_new(names, json_string(pair->name));
    for (const struct probe_pair *pair = message->headers; pair->name; pair++)
        (void)json_array_append_new(names, json_string(pair->name));
    json_t *said = json_pack(
        "{s:s, s:s, s:o}", "method", message->method, "url", message->url, "headers", names);
    if (message->shown)
        (void)json_object_set(said, "body", message->shown);
    return said;
}

char *message_say(const struct message *message)
{
    char *body = message->shown ? json_dumps(message->shown, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    char *text;
    bool cut = body && strlen(body) > LONGEST_SAID;
    if (asprintf(&text,
                 "%s %.*s%s%.*s%s",
                 message->method,
                 (int)LONGEST_SAID,
                 message->url,
                 body ? " " : "",
                 (int)LONGEST_SAID,
                 body ? body : "",
                 cut ? "..." : "") < 0)
        abort();
    free(body);
    return text;
}

json_t *message_parts(const struct probe_pair *wanted, const struct probe_response *response)
{
    json_t *root = json_loadb(response->body, response->body_len, JSON_DECODE_ANY, NULL);
    json_t *parts = json_object();
    for (; wanted->name; wanted++) {
        const char *from = wanted->value;
        const char *header =
            strncmp(from, "header.", 7) == 0 ? answer_header(response, from + 7) : "";
        const json_t *value = *from == 'j' && root ? json_path_find(root, from) : NULL;
        json_t *part = value                    ? json_deep_copy(value)
                       : *from == 'h' && header ? json_string(header)
                                                : NULL;
        (void)json_object_set_new(parts, wanted->name, part ? part : json_null());
    }
    json_decref(root);
    return parts;
}
