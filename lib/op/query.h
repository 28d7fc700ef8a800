/* What a query names: its group columns (--by) and its aggregates (AGG operands). */
#ifndef EV_OP_QUERY_H
#define EV_OP_QUERY_H

#include "expr/expr.h"
#include "op/aggregate.h"

struct group_column {
    char *name; /* owned */
    struct expr *value;
};

struct aggregate_column {
    char *name; /* owned */
    enum aggregate_kind kind;
    struct expr *value;     /* NULL: count of events */
    struct expr *condition; /* NULL: none */
};

struct query {
    struct group_column *by;
    size_t n_by;
    struct aggregate_column *aggs;
    size_t n_aggs;
};

/* Adds the columns of one --by list: `a,b.c,h=hour(t)` gives a, c, h. EXIT_USAGE. */
bool query_add_by(
    struct query *q, struct slice list, struct json_scanner *s, struct zone *z, struct err *e);
/* Adds `name=func(expr)`, `func(expr)` (named by its text), `func_if(expr, condition)`, `count`. EXIT_USAGE: an unknown
 * function names the nearest, an existing file is taken for an unquoted glob. */
bool query_add_aggregate(
    struct query *q, struct slice text, struct json_scanner *s, struct zone *z, struct err *e);
/* Are all names different, also from the reserved ones? EXIT_USAGE naming the one that is not. */
bool query_check_names(const struct query *q, const char *const *reserved, size_t n, struct err *e);
void query_free(struct query *q);

#endif
