#include "probe/token.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/units.h"

/* The longest come first. */
static const struct sign {
    const char *text;
    enum token_kind kind;
} signs[] = {
    {"==", TOKEN_SAME},
    {"~=", TOKEN_DIFFERS},
    {"<=", TOKEN_AT_MOST},
    {">=", TOKEN_AT_LEAST},
    {"//", TOKEN_WHOLE},
    {"<", TOKEN_LESS},
    {">", TOKEN_MORE},
    {"+", TOKEN_PLUS},
    {"-", TOKEN_MINUS},
    {"*", TOKEN_TIMES},
    {"/", TOKEN_OVER},
    {"%", TOKEN_REST},
    {"^", TOKEN_POWER},
    {"(", TOKEN_OPEN},
    {")", TOKEN_CLOSE},
    {",", TOKEN_COMMA},
};

static const struct sign keywords[] = {
    {"and", TOKEN_AND},
    {"or", TOKEN_OR},
    {"not", TOKEN_NOT},
    {"true", TOKEN_TRUE},
    {"false", TOKEN_FALSE},
    {"nil", TOKEN_NIL},
};

/* What other languages write, and what to write here.  Read before `signs`, longest first. */
static const struct habit {
    const char *text, *hint;
} habits[] = {
    {"!==", "write ~="},
    {"===", "write =="},
    {"!=", "write ~="},
    {"<>", "write ~="},
    {"=>", "write >="},
    {"=<", "write <="},
    {"&&", "write and"},
    {"||", "write or"},
    {"--", "it begins a comment in Lua; a comment in YAML is #, subtracting wants a space: x - -1"},
    {"..", "words are compared, not joined"},
    {"&", "write and"},
    {"|", "write or"},
    {"!", "write not"},
    {"#", "it begins a comment in YAML; here it has no meaning"},
    {";", "a condition is one expression; write and or or"},
    {"[", "compare with several words by one_of(name, \"a\", \"b\")"},
    {"{", "compare with several words by one_of(name, \"a\", \"b\")"},
    {":", "compare with ==, choose with and and or"},
    {"?", "choose with and and or"},
    {".", "a measure's name has no parts; functions are abs, min, max, floor, duration, one_of"},
    {"\xE2\x80\x9C", "write straight quotes: \"...\""},
    {"\xE2\x80\x9D", "write straight quotes: \"...\""},
    {"\xE2\x80\x98", "write straight quotes: \"...\""},
    {"\xE2\x80\x99", "write straight quotes: \"...\""},
    {"\xE2\x89\xA0", "write ~="},
    {"\xE2\x89\xA4", "write <="},
    {"\xE2\x89\xA5", "write >="},
};

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static int refuse_habit(const char *at, struct error *error)
{
    for (size_t i = 0; i < COUNT_OF(habits); i++) {
        if (!begins(at, habits[i].text))
            continue;
        error_set(error, -EINVAL, "%s has no meaning in a condition", habits[i].text);
        return error_hint(error, "%s", habits[i].hint);
    }
    return 0;
}

static size_t name_len(const char *at)
{
    size_t len = 0;
    while (isalnum((unsigned char)at[len]) || at[len] == '_')
        len++;
    return len;
}

static void read_name(struct token *token)
{
    token->len = name_len(token->at);
    token->kind = TOKEN_NAME;
    for (size_t i = 0; i < COUNT_OF(keywords); i++)
        if (token_is(token, keywords[i].text))
            token->kind = keywords[i].kind;
}

/* "5m", "10MiB", "1_000": says what the number alone would be. */
static int refuse_unit(const struct token *number, struct error *error)
{
    MEM_AUTO char *whole = mem_copy_n(number->at, number->len + name_len(number->at + number->len));
    int64_t value;
    error_set(error, -EINVAL, "%s is no number", whole);
    if (units_duration(whole, &value) == 0)
        return error_hint(error,
                          "write duration(\"%s\") for milliseconds, or %g for seconds",
                          whole,
                          (double)value / 1000.0);
    if (units_bytes(whole, &value) == 0)
        return error_hint(error, "write %" PRId64 ", without a unit", value);
    return error_hint(error, "write digits only; the unit is part of the measure's name");
}

static int read_number(struct token *token, struct error *error)
{
    const char *at = token->at;
    at += strspn(at, "0123456789");
    if (*at == '.')
        at += 1 + strspn(at + 1, "0123456789");
    if (*at == 'e' || *at == 'E') {
        size_t sign = at[1] == '+' || at[1] == '-';
        size_t digits = strspn(at + 1 + sign, "0123456789");
        at += digits ? 1 + sign + digits : 0;
    }
    token->kind = TOKEN_NUMBER;
    token->len = (size_t)(at - token->at);
    if (isalpha((unsigned char)*at) || *at == '_')
        return refuse_unit(token, error);
    if (*at == '.')
        return error_set(error, -EINVAL, "%.*s. is no number", (int)token->len, token->at);
    return 0;
}

static int read_word(struct token *token, struct error *error)
{
    char quote = *token->at++;
    token->kind = TOKEN_WORD;
    token->len = strcspn(token->at, quote == '"' ? "\"\\\n" : "'\\\n");
    if (token->at[token->len] == quote)
        return 0;
    if (token->at[token->len] == '\\')
        return error_set(error, -EINVAL, "a backslash has no meaning in a condition");
    error_set(error, -EINVAL, "a quote is not closed: %c%.*s", quote, (int)token->len, token->at);
    return error_hint(error, "words stand in quotes: \"...\" or '...'");
}

static int read_sign(struct token *token, struct error *error)
{
    for (size_t i = 0; i < COUNT_OF(signs); i++) {
        if (begins(token->at, signs[i].text)) {
            token->kind = signs[i].kind;
            token->len = strlen(signs[i].text);
            return 0;
        }
    }
    if (*token->at == '=') {
        error_set(error, -EINVAL, "= has no meaning in a condition");
        return error_hint(error, "write == to compare");
    }
    if (isgraph((unsigned char)*token->at))
        return error_set(error, -EINVAL, "%c has no meaning in a condition", *token->at);
    return error_set(error,
                     -EINVAL,
                     "the byte 0x%02X has no meaning in a condition",
                     (unsigned)(unsigned char)*token->at);
}

int token_read(const char *from, struct token *ret_token, struct error *error)
{
    from += strspn(from, " \t\r\n");
    struct token token = {TOKEN_END, from, 0, from};
    int status = 0;
    if (isdigit((unsigned char)*from) || (*from == '.' && isdigit((unsigned char)from[1])))
        status = read_number(&token, error);
    else if (isalpha((unsigned char)*from) || *from == '_')
        read_name(&token);
    else if (*from == '"' || *from == '\'')
        status = read_word(&token, error);
    else if (*from && (status = refuse_habit(from, error)) == 0)
        status = read_sign(&token, error);
    token.next = token.at + token.len + (token.kind == TOKEN_WORD);
    if (status == 0)
        *ret_token = token;
    return status;
}

bool token_is(const struct token *token, const char *name)
{
    return strlen(name) == token->len && strncmp(name, token->at, token->len) == 0;
}
