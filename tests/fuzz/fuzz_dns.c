/*
 * The dns plugin's parser: whatever a name server sends is read within its bounds or not at all,
 * and what records say is printable.  The first byte says what was asked for.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/message.h"
#include "dns/server.h"

static void check_text(const char *text, size_t room)
{
    size_t len = strnlen(text, room);
    if (len == room)
        abort();
    for (size_t i = 0; i < len; i++)
        if (text[i] < ' ' || text[i] == 0x7f)
            abort();
}

static void read_reply(const uint8_t *data, size_t size)
{
    unsigned char question[MESSAGE_QUESTION];
    size_t types = 0;
    while (message_types[types])
        types++;
    size_t len = message_ask(question, 0x1234, "a.example", message_types[*data % types], true);
    struct message *message = message_read(data + 1, size - 1, question, len);
    for (size_t i = 0; message && i < message->count; i++) {
        check_text(message->records[i].name, MESSAGE_NAME);
        check_text(message->records[i].value, MESSAGE_VALUE);
    }
    if (message && (message->count > message->total || message->wanted > message->count))
        abort();
    free(message);
}

static void read_file(const uint8_t *data, size_t size)
{
    struct server servers[SERVER_MOST];
    char *text = calloc(1, size + 1);
    memcpy(text, data, size);
    size_t count = server_read_file(text, servers, SERVER_MOST);
    for (size_t i = 0; i < count; i++)
        if (!server_is_numeric(&servers[i]))
            abort();
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0)
        read_reply(data, size);
    read_file(data, size);
    return 0;
}
