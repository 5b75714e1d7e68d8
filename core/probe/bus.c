#include "probe/bus.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "base/redact.h"

enum { MAX_EVENT = 15 * 1024, LONGEST_LINE = 16 << 20, LONGEST_NAME = 256 };

/* --------------------------------------------------------------- speaker ---- */

static void forget_speaker(struct bus *bus)
{
    free(bus->realm);
    free(bus->node);
    free(bus->agent_id);
    for (char **label = bus->labels; label && *label; label++)
        free(*label);
    free(bus->labels);
    text_cut_to(&bus->agent, 0);
}

static char **copy_labels(const char *const *labels)
{
    size_t count = 0;
    while (labels && labels[count])
        count++;
    char **copy = mem_array(count + 1, sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        copy[i] = redact_copy(labels[i], LONGEST_NAME);
    return copy;
}

static void write_name(struct writer *writer, const char *key, const char *name)
{
    MEM_AUTO char *copy = redact_copy(name, LONGEST_NAME);
    if (copy)
        writer_string(writer, key, copy);
}

void bus_set_speaker(struct bus *bus, const struct event_speaker *speaker)
{
    struct writer writer;
    const char *realm = speaker->realm ? speaker->realm : "default";
    const char *node = speaker->node ? speaker->node : "";
    forget_speaker(bus);
    bus->realm = mem_copy(realm);
    bus->node = mem_copy(node);
    bus->agent_id = mem_print("agent/%s/%s", realm, speaker->pod ? speaker->pod : node);
    bus->labels = copy_labels(speaker->labels);
    bus->max_event = speaker->max_event ? speaker->max_event : MAX_EVENT;
    if (bus->max_event < EVENT_SHORTEST_MAX)
        bus->max_event = EVENT_SHORTEST_MAX;
    writer_init(&writer, &bus->agent);
    writer_object(&writer, NULL);
    write_name(&writer, "realm", realm);
    write_name(&writer, "role", speaker->role);
    write_name(&writer, "node", speaker->node);
    write_name(&writer, "pod", speaker->pod);
    write_name(&writer, "boot", bus->boot);
    write_name(&writer, "version", speaker->version);
    write_name(&writer, "config", speaker->config);
    writer_end(&writer);
}

static char *new_boot(void)
{
    uint32_t number = 0;
    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        abort(); /* it cannot fail for four bytes */
    return mem_print("%08x", number);
}

struct bus *bus_create(const struct event_speaker *speaker)
{
    struct bus *bus = mem_new(sizeof(*bus));
    list_init(&bus->subscribers);
    list_init(&bus->waiting);
    text_init(&bus->agent, LONGEST_LINE);
    for (size_t i = 0; i < COUNT_OF(bus->texts); i++) {
        text_init(&bus->texts[i].line, LONGEST_LINE);
        text_init(&bus->texts[i].tail, LONGEST_LINE);
        text_init(&bus->texts[i].safe, LONGEST_LINE);
    }
    bus->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    bus->digest = EVP_MD_CTX_new();
    if (!bus->sha256 || !bus->digest)
        abort(); /* an OpenSSL without SHA-256 can do nothing for us */
    bus->boot = speaker->boot ? mem_copy(speaker->boot) : new_boot();
    bus_set_speaker(bus, speaker);
    return bus;
}

void bus_destroy(struct bus *bus)
{
    struct subscriber *subscriber;
    if (!bus)
        return;
    list_for_each(subscriber, &bus->subscribers, struct subscriber, link)
        free(subscriber);
    forget_speaker(bus);
    free(bus->boot);
    text_finish(&bus->agent);
    for (size_t i = 0; i < COUNT_OF(bus->texts); i++) {
        text_finish(&bus->texts[i].line);
        text_finish(&bus->texts[i].tail);
        text_finish(&bus->texts[i].safe);
    }
    EVP_MD_CTX_free(bus->digest);
    EVP_MD_free(bus->sha256);
    free(bus);
}

uint64_t bus_count(const struct bus *bus)
{
    return bus->seq;
}

const char *bus_boot(const struct bus *bus)
{
    return bus->boot;
}

/* -------------------------------------------------------------------- ids ---- */

void event_id(const struct bus *bus, const char *scope, const char *target, const char *name,
              const char *subject, char out[EVENT_ID_LEN])
{
    static const char hex[] = "0123456789abcdef";
    bool of_node = strcmp(scope, "node") == 0;
    const char *const parts[] = {bus->realm, of_node ? bus->node : "", target, name, subject};
    unsigned char hash[EVP_MAX_MD_SIZE] = {0};
    bool fine = EVP_DigestInit_ex2(bus->digest, bus->sha256, NULL);
    for (size_t i = 0; i < COUNT_OF(parts) && parts[i]; i++)
        fine = fine && EVP_DigestUpdate(bus->digest, parts[i], strlen(parts[i]) + 1);
    if (!fine || !EVP_DigestFinal_ex(bus->digest, hash, NULL))
        abort(); /* an id that is wrong would mix up two findings */
    for (size_t i = 0; i < (EVENT_ID_LEN - 1) / 2; i++) {
        out[2 * i] = hex[hash[i] >> 4];
        out[2 * i + 1] = hex[hash[i] & 15];
    }
    out[EVENT_ID_LEN - 1] = '\0';
}

/* ---------------------------------------------------------------- telling ---- */

/* An event that waits, with all it points to. */
struct copy {
    struct list link;
    struct event event;
};

void bus_subscribe(struct bus *bus, event_fn *fn, void *data)
{
    struct subscriber *subscriber = mem_new(sizeof(*subscriber));
    *subscriber = (struct subscriber){.fn = fn, .data = data};
    list_add(&bus->subscribers, &subscriber->link);
}

static void sweep(struct bus *bus)
{
    struct subscriber *subscriber;
    list_for_each(subscriber, &bus->subscribers, struct subscriber, link) {
        if (subscriber->fn)
            continue;
        list_remove(&subscriber->link);
        free(subscriber);
    }
}

void bus_unsubscribe(struct bus *bus, event_fn *fn, void *data)
{
    struct subscriber *subscriber;
    list_for_each(subscriber, &bus->subscribers, struct subscriber, link)
        if (subscriber->fn == fn && subscriber->data == data)
            subscriber->fn = NULL;
    if (!bus->telling)
        sweep(bus);
}

struct bus_texts *bus_texts(struct bus *bus)
{
    return &bus->texts[bus->telling];
}

static void tell_now(struct bus *bus, const struct event *event)
{
    /* Not list_for_each(): one who subscribes meanwhile comes after the present last one. */
    for (struct list *link = bus->subscribers.next; link != &bus->subscribers; link = link->next) {
        const struct subscriber *subscriber = container_of(link, struct subscriber, link);
        if (subscriber->fn)
            subscriber->fn(event, subscriber->data);
    }
}

static void keep_copy(struct bus *bus, const struct event *event)
{
    struct copy *copy = mem_new(sizeof(*copy));
    copy->event = *event;
    copy->event.json = mem_copy_n(event->json, event->len);
    copy->event.id = mem_copy(event->id);
    copy->event.message = mem_copy(event->message);
    list_add(&bus->waiting, &copy->link);
    bus->emitted++;
}

static void tell_first_waiting(struct bus *bus)
{
    struct copy *copy = list_first(&bus->waiting, struct copy, link);
    list_remove(&copy->link);
    tell_now(bus, &copy->event);
    free((char *)copy->event.json);
    free((char *)copy->event.id);
    free((char *)copy->event.message);
    free(copy);
}

void bus_tell(struct bus *bus, const struct event *event)
{
    if (bus->telling) {
        keep_copy(bus, event);
        return;
    }
    bus->telling = true;
    tell_now(bus, event);
    while (!list_empty(&bus->waiting))
        tell_first_waiting(bus);
    bus->telling = false;
    bus->emitted = 0;
    sweep(bus);
}
