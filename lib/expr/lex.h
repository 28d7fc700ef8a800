/* Tokens of the expression language. */
#ifndef EV_EXPR_LEX_H
#define EV_EXPR_LEX_H

#include "base/buf.h"
#include "base/slice.h"

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,   /* and, round, order_value: what it is depends on where it stands */
    TOKEN_NUMBER, /* 12, 0.5, 1e6 */
    TOKEN_DURATION,
    TOKEN_STRING, /* with its quotes */
    TOKEN_AT,     /* @time, @2025-11-14 */
    TOKEN_SYMBOL, /* + <= ( , and what is no token at all */
};

struct token {
    enum token_kind kind;
    struct slice text;
};

/* The token at p, behind white space. A string that does not end comes as a symbol of its quote;
 * '`' begins a path and comes as a symbol too. */
struct token lex(const char *p, const char *end);

/* The same word in any case? */
bool lex_is_word(struct slice text, const char *word);

/* What a string token means, appended to out. NULL, or what is wrong with it, and *at where. */
const char *lex_string(struct slice token, struct buf *out, const char **at);

#endif
