/* The expression language of --where, aggregates and --by; evexpr(7) is its manual.
 *
 * An expression is parsed once, its fields are wanted from the scanner, and it is compiled into a
 * flat program; evaluating allocates nothing but scratch that is kept from event to event. */
#ifndef EV_EXPR_EXPR_H
#define EV_EXPR_EXPR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "base/timestamp.h"
#include "expr/value.h"
#include "json/scan.h"

struct expr;

/* What an expression is evaluated over. */
struct expr_input {
    const struct json_field *fields; /* as json_scan() left them */
    int64_t time;                    /* @time; TIME_NONE reads as null */
};

struct expr_result {
    struct value value; /* strings live until the next evaluation of the same expression */
    bool mismatch;      /* types that do not compare, text that is no time: null came of it */
};

/* Parses all of text. zone: of times without an offset, hour() and date_trunc(); NULL is UTC.
 * EXIT_USAGE with the column from 1 and what was expected: "column 12: expected a value, found
 * 'and'". */
struct expr *expr_parse(
    struct slice text, struct json_scanner *scanner, struct zone *zone, struct err *e);
void expr_free(struct expr *x);

/* Parses the longest expression at the front of *text and leaves the rest (for lists:
 * a,b.c,h=hour(t)); columns count from `origin`. */
struct expr *expr_parse_front(struct slice *text, const char *origin, struct json_scanner *scanner,
    struct zone *zone, struct err *e);

/* False: the event is bad input (a number of 10^38 or more, a lone surrogate where the text is
 * needed); *e says so, naming the field. */
bool expr_eval(struct expr *x, const struct expr_input *in, struct expr_result *out, struct err *e);

/* Is it true? False for false, null and anything else (a number is no truth: mismatch). mismatches
 * is counted up by 1 for an event with a mismatch for which it is not true. */
bool expr_is_true(
    struct expr *x, const struct expr_input *in, uint64_t *mismatches, bool *yes, struct err *e);

/* The index of the wanted field when the expression is nothing but a path, else -1. */
int expr_field(const struct expr *x);
/* Calls back for each path in it, with the index it is wanted under. */
void expr_each_path(const struct expr *x,
    void (*each)(void *ctx, int index, const struct json_path *path), void *ctx);
/* Does it use @time? */
bool expr_uses_time(const struct expr *x);
/* As it was typed, trimmed; lives as long as x. */
struct slice expr_text(const struct expr *x);

#endif
