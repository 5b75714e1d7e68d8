#include "probe/expression.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "probe/function.h"
#include "probe/part.h"
#include "probe/problem.h"
#include "probe/token.h"

struct parser {
    const struct measures *measures;
    struct error *error;
    struct token token;  /* the one to be read */
    const char *read_to; /* where the one before it ended */
    unsigned depth;
    bool reads_measure;
};

static int read_expression(struct parser *parser, unsigned above, struct part *ret_part);

static int advance(struct parser *parser)
{
    parser->read_to = parser->token.next;
    return token_read(parser->token.next, &parser->token, parser->error);
}

/* ---- names ---- */

/* Of measures and functions, ended by NULL; freed as one array. */
static const char **names_known(const struct measures *measures)
{
    enum { MOST_FUNCTIONS = 16 };
    const char **names = mem_array(measures->count + MOST_FUNCTIONS + 1, sizeof(*names));
    size_t count = 0;
    for (; count < measures->count; count++)
        names[count] = measures->slots[count].name;
    for (size_t i = 0; functions[i].name && i < MOST_FUNCTIONS; i++)
        names[count++] = functions[i].name;
    return names;
}

/* A word that some measure says, written without quotes. */
static bool is_said(const struct measures *measures, const char *name)
{
    for (size_t i = 0; i < measures->count; i++)
        for (const char *const *word = measures->slots[i].words; word && *word; word++)
            if (strcmp(*word, name) == 0)
                return true;
    return false;
}

static int refuse_name(struct parser *parser, const struct token *token)
{
    static const char *const statements[] = {
        "if", "return", "local", "function", "for", "while", "then", "end", "else", NULL};
    MEM_AUTO char *name = mem_copy_n(token->at, token->len);
    struct error *error = parser->error;
    for (size_t i = 0; statements[i]; i++)
        if (strcmp(name, statements[i]) == 0) {
            error_set(error, -EINVAL, "%s begins a statement; a condition is one expression", name);
            return error_hint(error, "write only what is to be true: used_percent > 80");
        }
    error_set(error, -EINVAL, "unknown measure %s", name);
    if (is_said(parser->measures, name))
        return error_hint(error, "a word stands in quotes: \"%s\"", name);
    if (strcasecmp(name, "null") == 0 || strcasecmp(name, "none") == 0)
        return error_hint(error, "write nil");
    for (const char *const *word = (const char *const[]){"and", "or", "not", "true", "false", NULL};
         *word;
         word++)
        if (strcasecmp(name, *word) == 0)
            return error_hint(error, "write %s", *word);
    if (function_find(token))
        return error_hint(error, "%s is a function: write %s(...)", name, name);
    const char **names MEM_AUTO = names_known(parser->measures);
    const char *nearest = problem_nearest(name, names);
    if (nearest)
        return error_hint(error, "did you mean %s?", nearest);
    if (parser->measures->count == 0)
        return error_hint(error, "this check has no measures");
    names[parser->measures->count] = NULL;
    return part_hint_list(error, "its measures are", names);
}

static int refuse_function(struct parser *parser, const struct token *token)
{
    error_set(parser->error, -EINVAL, "unknown function %.*s", (int)token->len, token->at);
    return error_hint(parser->error, "there are abs, min, max, floor, duration and one_of");
}

static int find_measure(const struct parser *parser, const struct token *token)
{
    for (size_t i = 0; i < parser->measures->count; i++)
        if (token_is(token, parser->measures->slots[i].name))
            return (int)i;
    return -1;
}

static int read_measure(struct parser *parser, struct part *ret_part)
{
    int slot = find_measure(parser, &parser->token);
    if (slot < 0)
        return refuse_name(parser, &parser->token);
    ret_part->shape = SHAPE_MEASURE;
    ret_part->measure = &parser->measures->slots[slot];
    switch (ret_part->measure->kind) {
    case PROBE_WORD:
        ret_part->types = IS_WORD;
        break;
    case PROBE_FLAG:
        ret_part->types = IS_FLAG;
        break;
    default:
        ret_part->types = IS_NUMBER;
    }
    if (ret_part->measure->optional)
        ret_part->types |= IS_NIL;
    parser->reads_measure = true;
    return advance(parser);
}

/* ---- counting ---- */

static bool is_zero(const struct token *number)
{
    return strtod(number->at, NULL) == 0;
}

/* "used > 80%": nothing follows that could be divided by. */
static bool is_percent_sign(const struct parser *parser)
{
    switch (parser->token.kind) {
    case TOKEN_NAME:
    case TOKEN_NUMBER:
    case TOKEN_OPEN:
    case TOKEN_MINUS:
        return false;
    default:
        return true;
    }
}

static int check_sum(struct parser *parser, enum token_kind op, const struct part *a,
                     const struct part *b)
{
    struct error *error = parser->error;
    int status = part_check_number(error, a, "counted with");
    status = status ? status : part_check_number(error, b, "counted with");
    if (status == 0 && (op == TOKEN_WHOLE || op == TOKEN_REST) &&
        (b->shape != SHAPE_LITERAL || is_zero(&b->token))) {
        status =
            error_set(error, -EINVAL, "%.*s may be 0, and nothing is left of that", PART_SHOWN(b));
        error_hint(error, "after // and %% write a number; floor(a / b) divides by anything");
    }
    return status;
}

/* ---- what stands alone ---- */

static int refuse_token(const struct parser *parser, const char *wanted)
{
    const struct token *token = &parser->token;
    if (token->kind == TOKEN_END)
        return error_set(parser->error, -EINVAL, "the condition ends where %s is missing", wanted);
    return error_set(parser->error,
                     -EINVAL,
                     "%.*s stands where %s is missing",
                     (int)(token->len < 60 ? token->len : 60),
                     token->at,
                     wanted);
}

static int expect(struct parser *parser, enum token_kind kind, const char *wanted)
{
    if (parser->token.kind != kind)
        return refuse_token(parser, wanted);
    return advance(parser);
}

static int read_literal(struct parser *parser, struct part *ret_part)
{
    static const unsigned types[] = {[TOKEN_NUMBER] = IS_NUMBER,
                                     [TOKEN_WORD] = IS_WORD,
                                     [TOKEN_TRUE] = IS_TRUE,
                                     [TOKEN_FALSE] = IS_FALSE,
                                     [TOKEN_NIL] = IS_NIL};
    ret_part->shape = SHAPE_LITERAL;
    ret_part->token = parser->token;
    ret_part->types = types[parser->token.kind];
    return advance(parser);
}

static int read_brackets(struct parser *parser, struct part *ret_part)
{
    int status = advance(parser);
    status = status ? status : read_expression(parser, 0, ret_part);
    if (ret_part->shape != SHAPE_LITERAL && ret_part->shape != SHAPE_MEASURE)
        ret_part->shape = SHAPE_OTHER; /* (not a) == b is meant as it is written */
    return status ? status : expect(parser, TOKEN_CLOSE, "a closing bracket");
}

/* ---- calls ---- */

static int read_arguments(struct parser *parser, struct part *args, size_t *ret_count)
{
    size_t count = 0;
    int status = 0;
    while (status == 0 && parser->token.kind != TOKEN_CLOSE) {
        if (count == FUNCTION_MOST_ARGUMENTS)
            return error_set(
                parser->error, -EINVAL, "more than %d arguments", FUNCTION_MOST_ARGUMENTS);
        status = read_expression(parser, 0, &args[count++]);
        if (status == 0 && parser->token.kind != TOKEN_CLOSE)
            status = expect(parser, TOKEN_COMMA, "a comma or a closing bracket");
    }
    *ret_count = count;
    return status ? status : expect(parser, TOKEN_CLOSE, "a closing bracket");
}

static int read_call(struct parser *parser, struct part *ret_part)
{
    const struct token name = parser->token;
    const struct function *function = function_find(&name);
    if (find_measure(parser, &name) >= 0)
        return error_set(parser->error,
                         -EINVAL,
                         "%.*s is a measure here, not a function",
                         (int)name.len,
                         name.at);
    if (!function)
        return refuse_function(parser, &name);
    struct part *args MEM_AUTO = mem_array(FUNCTION_MOST_ARGUMENTS, sizeof(*args));
    size_t count = 0;
    int status = advance(parser);
    status = status ? status : advance(parser);
    status = status ? status : read_arguments(parser, args, &count);
    if (status == 0 && (count < function->fewest || count > function->most))
        status = error_set(parser->error,
                           -EINVAL,
                           "%s() takes %s",
                           function->name,
                           function->most == 1 ? "one number" : "two numbers or more");
    return status ? status : function->check(parser->error, args, count, ret_part);
}

/* ---- the grammar ---- */

enum { ABOVE_UNARY = 12 };

static const struct binary {
    unsigned left, right; /* as strongly it binds, by Lua's own table */
} binaries[TOKEN_COMMA + 1] = {
    [TOKEN_OR] = {1, 1},
    [TOKEN_AND] = {2, 2},
    [TOKEN_SAME] = {3, 3},
    [TOKEN_DIFFERS] = {3, 3},
    [TOKEN_LESS] = {3, 3},
    [TOKEN_AT_MOST] = {3, 3},
    [TOKEN_MORE] = {3, 3},
    [TOKEN_AT_LEAST] = {3, 3},
    [TOKEN_PLUS] = {10, 10},
    [TOKEN_MINUS] = {10, 10},
    [TOKEN_TIMES] = {11, 11},
    [TOKEN_OVER] = {11, 11},
    [TOKEN_WHOLE] = {11, 11},
    [TOKEN_REST] = {11, 11},
    [TOKEN_POWER] = {14, 13},
};

static int read_unary(struct parser *parser, struct part *ret_part)
{
    bool inverts = parser->token.kind == TOKEN_NOT;
    struct part of = {0};
    int status = advance(parser);
    status = status ? status : read_expression(parser, ABOVE_UNARY, &of);
    if (status < 0)
        return status;
    *ret_part = (struct part){.types = inverts ? IS_FLAG : of.types,
                              .shape = inverts ? SHAPE_NOT : SHAPE_OTHER};
    return inverts ? part_check_test(parser->error, &of)
                   : part_check_number(parser->error, &of, "counted with");
}

static int read_operand(struct parser *parser, struct part *ret_part)
{
    struct token following;
    switch (parser->token.kind) {
    case TOKEN_NOT:
    case TOKEN_MINUS:
        return read_unary(parser, ret_part);
    case TOKEN_OPEN:
        return read_brackets(parser, ret_part);
    case TOKEN_NUMBER:
    case TOKEN_WORD:
    case TOKEN_TRUE:
    case TOKEN_FALSE:
    case TOKEN_NIL:
        return read_literal(parser, ret_part);
    case TOKEN_NAME:
        if (token_read(parser->token.next, &following, &(struct error){0}) == 0 &&
            following.kind == TOKEN_OPEN)
            return read_call(parser, ret_part);
        return read_measure(parser, ret_part);
    default:
        return refuse_token(parser, "a measure or a number");
    }
}

/* `a` becomes what `a op b` is. */
static int combine(struct parser *parser, enum token_kind op, struct part *a, const struct part *b)
{
    struct error *error = parser->error;
    const struct part left = *a;
    a->shape = SHAPE_OTHER;
    switch (op) {
    case TOKEN_AND:
        a->types = (left.types & IS_NO) | b->types;
        return part_check_test(error, &left);
    case TOKEN_OR:
        a->types = (left.types & ~(unsigned)IS_NO) | b->types;
        return part_check_test(error, &left);
    case TOKEN_SAME:
    case TOKEN_DIFFERS:
        a->types = IS_FLAG;
        return part_check_equality(error, &left, b);
    case TOKEN_LESS:
    case TOKEN_AT_MOST:
    case TOKEN_MORE:
    case TOKEN_AT_LEAST:
        a->types = IS_FLAG;
        a->shape = SHAPE_ORDER;
        return part_check_order(error, &left, b);
    default:
        a->types = left.types | b->types;
        return check_sum(parser, op, &left, b);
    }
}

static int read_operator(struct parser *parser, struct part *part)
{
    enum token_kind op = parser->token.kind;
    struct part right = {0};
    int status = advance(parser);
    if (status == 0 && op == TOKEN_REST && part->shape == SHAPE_LITERAL &&
        is_percent_sign(parser)) {
        error_set(parser->error, -EINVAL, "%.*s%% has no meaning here", PART_SHOWN(part));
        return error_hint(parser->error, "write %.*s", PART_SHOWN(part));
    }
    status = status ? status : read_expression(parser, binaries[op].right, &right);
    status = status ? status : combine(parser, op, part, &right);
    part->len = (size_t)(parser->read_to - part->at);
    return status;
}

/* Reads what binds more strongly than `above`. */
static int read_expression(struct parser *parser, unsigned above, struct part *ret_part)
{
    const char *at = parser->token.at - (parser->token.kind == TOKEN_WORD);
    if (parser->depth == EXPRESSION_DEEPEST)
        return error_set(parser->error, -EINVAL, "the condition is nested too deeply");
    parser->depth++;
    *ret_part = (struct part){0};
    int status = read_operand(parser, ret_part);
    ret_part->at = at;
    ret_part->len = (size_t)(parser->read_to - at);
    while (status == 0 && binaries[parser->token.kind].left > above)
        status = read_operator(parser, ret_part);
    parser->depth--;
    return status;
}

/* ---- the whole ---- */

/* "state in (\"a\", \"b\")": the list, as it stands there. */
static int hint_one_of(struct parser *parser, const struct part *before)
{
    const char *list = parser->token.next;
    list += strspn(list, " ([{");
    size_t len = strcspn(list, ")]}");
    if (len == 0 || len > 120)
        return error_hint(parser->error, "write one_of(%.*s, \"a\", \"b\")", PART_SHOWN(before));
    return error_hint(
        parser->error, "write one_of(%.*s, %.*s)", PART_SHOWN(before), (int)len, list);
}

/* What stands where the condition should have ended. */
static int refuse_rest(struct parser *parser, const struct part *before)
{
    const struct token *token = &parser->token;
    MEM_AUTO char *name = mem_copy_n(token->at, token->len);
    (void)refuse_token(parser, "and, or or an end");
    if (strcasecmp(name, "in") == 0)
        return hint_one_of(parser, before);
    if (token->kind == TOKEN_NOT)
        return error_hint(parser->error, "write not one_of(name, \"a\", \"b\")");
    if (strcasecmp(name, "is") == 0)
        return error_hint(parser->error, "write ==");
    if (strcasecmp(name, "and") == 0 || strcasecmp(name, "or") == 0)
        return error_hint(parser->error, "write %s", strcasecmp(name, "or") ? "and" : "or");
    if (token->kind == TOKEN_COMMA)
        return error_hint(parser->error, "write numbers without commas: 1000000");
    return parser->error->code;
}

int expression_check(const char *text, const struct measures *measures, struct error *error)
{
    struct parser parser = {.measures = measures, .error = error};
    struct part whole = {0};
    if (strlen(text) > EXPRESSION_MAX_LEN)
        return error_set(
            error, -EINVAL, "the condition is longer than %d bytes", (int)EXPRESSION_MAX_LEN);
    if (text[strspn(text, " \t\r\n")] == '\0') {
        error_set(error, -EINVAL, "the condition is empty");
        return error_hint(error, "a # begins a comment in YAML; never switches a grade off");
    }
    int status = token_read(text, &parser.token, error);
    status = status ? status : read_expression(&parser, 0, &whole);
    if (status == 0 && parser.token.kind != TOKEN_END)
        status = refuse_rest(&parser, &whole);
    status = status ? status : part_check_answer(error, &whole);
    if (status == 0 && !parser.reads_measure) {
        error_set(error, -EINVAL, "the condition reads no measure: it is always the same");
        status = error_hint(error, "compare a measure: used_percent > 80");
    }
    return status;
}
