#include "app/sheet.h"

#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/loop.h"
#include "out/nagios.h"
#include "out/table.h"

enum { LONGEST_ANSWER = 64 << 20 };

struct sheet {
    struct loop *loop;
    enum format format;
    struct table *table;   /* of FORMAT_TABLE; in any case for the worst status */
    struct nagios *nagios; /* of FORMAT_NAGIOS */
};

static void on_event(const struct event *event, void *data)
{
    struct sheet *sheet = data;
    if (event->kind != EVENT_FINDING)
        return;
    table_add(sheet->table, event->finding, loop_wall_ms(sheet->loop));
    if (sheet->format == FORMAT_NDJSON)
        (void)printf("%s\n", event->json);
    else if (sheet->format == FORMAT_NAGIOS)
        nagios_add(
            sheet->nagios, event->finding, event->finding->warning, event->finding->critical);
}

struct sheet *sheet_open(struct loop *loop, struct bus *bus, enum format format)
{
    const struct table_look look = {.screen = screen_of(STDOUT_FILENO), .measures = true};
    struct sheet *sheet = mem_new(sizeof(*sheet));
    sheet->loop = loop;
    sheet->format = format;
    if (format == FORMAT_AUTO)
        sheet->format = isatty(STDOUT_FILENO) ? FORMAT_TABLE : FORMAT_NDJSON;
    sheet->table = table_create(&look);
    sheet->nagios = nagios_create();
    bus_subscribe(bus, on_event, sheet);
    return sheet;
}

static int code_of(enum probe_status worst)
{
    switch (worst) {
    case PROBE_OK:
        return EXIT_FINE;
    case PROBE_WARNING:
        return EXIT_WARNING;
    case PROBE_CRITICAL:
        return EXIT_CRITICAL;
    default:
        return EXIT_UNKNOWN;
    }
}

int sheet_close(struct sheet *sheet)
{
    struct text TEXT_AUTO text;
    int code = code_of(table_worst(sheet->table));
    text_init(&text, LONGEST_ANSWER);
    if (sheet->format == FORMAT_TABLE)
        table_print(sheet->table, &text);
    else if (sheet->format == FORMAT_NAGIOS)
        nagios_print(sheet->nagios, &text);
    (void)fputs(text.bytes, stdout);
    (void)fflush(stdout);
    table_destroy(sheet->table);
    nagios_destroy(sheet->nagios);
    free(sheet);
    return code;
}
