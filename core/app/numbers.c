#include "app/numbers.h"

#include "app/admin.h"
#include "app/export.h"
#include "base/mem.h"

struct numbers {
    struct metrics_source source;
    struct admin *admin;
    struct export *export;
};

/* Readers come after it, and go before it. */
static void keep_board(struct numbers *numbers)
{
    const struct config_agent *wish = &numbers->source.session->config->agent;
    int64_t pages = wish->admin.listen ? wish->admin.most_subjects : 0;
    int64_t sent = wish->otlp.url ? wish->otlp.most_subjects : 0;
    size_t most = (size_t)(pages > sent ? pages : sent);
    if (most && numbers->source.board) {
        board_limit(numbers->source.board, most);
        return;
    }
    board_destroy(numbers->source.board);
    numbers->source.board = most ? board_create(most) : NULL;
    numbers->source.schedule->board = numbers->source.board;
}

struct numbers *numbers_open(const struct metrics_source *source)
{
    struct numbers *numbers = mem_new(sizeof(*numbers));
    numbers->source = *source;
    keep_board(numbers);
    numbers->admin = admin_open(&numbers->source);
    numbers->export = export_open(&numbers->source);
    return numbers;
}

void numbers_renew(struct numbers *numbers)
{
    if (!numbers)
        return;
    keep_board(numbers);
    admin_renew(numbers->admin);
    export_renew(numbers->export);
}

void numbers_close(struct numbers *numbers)
{
    if (!numbers)
        return;
    export_close(numbers->export);
    admin_close(numbers->admin);
    numbers->source.schedule->board = NULL;
    board_destroy(numbers->source.board);
    free(numbers);
}
