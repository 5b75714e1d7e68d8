#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *error, int code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(error->message, sizeof(error->message), fmt, args);
    va_end(args);
    error->hint[0] = '\0';
    error->code = code;
    return code;
}

int error_hint(struct error *error, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(error->hint, sizeof(error->hint), fmt, args);
    va_end(args);
    return error->code;
}
