/* Paths to a value: payment.status, items[0].price, `odd name`.x (a backquote inside is
 * doubled). */
#ifndef EV_JSON_PATH_H
#define EV_JSON_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

struct json_step {
    struct slice key; /* unescaped; p NULL for an index */
    long index;
};

struct json_path {
    struct json_step *steps; /* owned, the keys too */
    size_t n;
};

/* Plain names are letters, digits, _ $ @ - and bytes over 0x7F, not beginning with a digit or -;
 * others need backquotes. EXIT_USAGE with the column (from 1) on a mistake. */
bool json_path_parse(struct slice text, struct json_path *out, struct err *e);
/* Reads the longest path at the front of text and leaves the rest; for the expression parser, to
 * which '-' is an operator, so it ends a name here. Columns count from `origin`, at or before it. */
bool json_path_parse_front(
    struct slice *text, const char *origin, struct json_path *out, struct err *e);
void json_path_free(struct json_path *p);
bool json_step_eq(const struct json_step *a, const struct json_step *b);
bool json_path_eq(const struct json_path *a, const struct json_path *b);
/* As it would be typed; a name with '-' gets backquotes, so that an expression can read it too. */
void json_path_write(struct buf *out, const struct json_path *p);
/* The last key, by which --by names its column: a.b.c -> c; NULL slice when the last step is an
 * index. */
struct slice json_path_name(const struct json_path *p);

#endif
