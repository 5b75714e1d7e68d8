#include "app/describe.h"

#include <stdio.h>

#include "base/mem.h"

static const char *type_name(enum probe_type type)
{
    static const char *const names[] = {"",
                                        "string",
                                        "secret",
                                        "true|false",
                                        "integer",
                                        "number",
                                        "duration",
                                        "size",
                                        "list",
                                        "url",
                                        "tls",
                                        "map",
                                        "list of maps",
                                        "anything",
                                        "rate",
                                        "target",
                                        "map of maps",
                                        "map"};
    return (size_t)type < COUNT_OF(names) ? names[type] : "?";
}

void describe_options(const struct probe_option *options, int indent)
{
    for (const struct probe_option *option = options; option && option->name; option++) {
        (void)printf("%*s%-18s %-12s ", indent, "", option->name, type_name(option->type));
        if (!option->fallback)
            (void)printf("required. ");
        else if (*option->fallback)
            (void)printf("default %s. ", option->fallback);
        (void)printf("%s", option->help ? option->help : "");
        for (size_t i = 0; option->choices && option->choices[i]; i++)
            (void)printf("%s%s", i ? ", " : ": ", option->choices[i]);
        (void)printf("\n");
        describe_options(option->nested, indent + 2);
    }
}

void describe_block(const char *heading, const char *text)
{
    if (!text)
        return;
    (void)printf("\n%s\n  ", heading);
    for (const char *c = text; *c; c++) {
        (void)putchar(*c);
        if (*c == '\n' && c[1])
            (void)printf("  ");
    }
    (void)printf("\n");
}

const char *describe_effect(enum probe_effect effect)
{
    static const char *const effects[] = {
        "reads only", "reversible", "disruptive: users notice", "destructive: data may be lost"};
    return (size_t)effect < COUNT_OF(effects) ? effects[effect] : "?";
}
